// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Logging
import NIOPosix
import Runs
package import ServiceAPI
package import ServiceLedger

/// Pictures as they are, smaller, and together on sheets.
extension ImageService {
    package func picture(
        _ index: Int, of id: BatchID, for caller: ServedCaller, width: Int?, known: KnownTags
    ) async throws(APIProblem) -> ServedFile {
        try requireVisible(id, to: caller)
        let page = try await page(index, of: id)
        let image = page.images[index]
        guard let picture = image?.picture, let result = image?.result else {
            throw missing(index, of: page)
        }
        let path = "\(store.pictureFolder(of: id))/\(picture.file)"
        let name = Hexadecimal.text(result.facts.sha256.prefix(16))
        // What is no wider is the picture itself.
        guard let width, width < page.request(at: index).width else {
            let bytes = try await perform { () throws(APIProblem) in ServiceStore.file(path) }
            guard let bytes else { throw try lost(index, of: id, for: caller, path: path) }
            return ServedFile(
                bytes: bytes, mediaType: "image/png", tag: "\"\(name)-p\"", name: picture.file)
        }
        var file = ServedFile(
            bytes: [], mediaType: "image/png", tag: "\"\(name)-w\(width)\"", name: picture.file)
        if known.contains(file.tag) { return file }
        let bytes = try await paint { Self.thumbnail(ofFile: path, width: width) }
        guard let bytes else { throw try lost(index, of: id, for: caller, path: path) }
        file.bytes = bytes
        return file
    }

    package func sheet(
        of id: BatchID, page: Int, for caller: ServedCaller, known: KnownTags
    ) async throws(APIProblem) -> ServedFile {
        try requireVisible(id, to: caller)
        let stored = try await read { [store] () throws(ServiceStateError) in
            try store.sheet(of: id, page: page)
        }
        guard let stored else { throw .erasedBatch(id.text) }
        guard !stored.pictures.isEmpty else { throw missingSheet(stored) }
        let sheet = BatchSheet(stored, version: ProgramVersion.text)
        var file = ServedFile(
            bytes: [], mediaType: "image/png", tag: "\"\(sheet.tag)\"",
            name: RunFileName.sheet(page: page - 1), isFinal: stored.isFinal)
        if known.contains(file.tag) { return file }
        let folder = store.pictureFolder(of: id)
        let bytes = try await paint { [logger] () -> [UInt8]? in
            do {
                return try sheet.png { ServiceStore.file("\(folder)/\($0)") }
            } catch {
                logger.error(
                    "a sheet can't be made",
                    metadata: ["batch": "\(id)", "reason": "\(error)"])
                return nil
            }
        }
        // Its pictures may have been erased meanwhile.
        try requireVisible(id, to: caller)
        guard let bytes else { throw .broken }
        file.bytes = bytes
        return file
    }

    /// Makes pictures of pictures, a few at a time: so much memory do they take at most, and reading
    /// does not wait for them.
    private func paint(
        _ body: @escaping @Sendable () -> [UInt8]?
    ) async throws(APIProblem) -> [UInt8]? {
        do {
            return try await painters.runIfActive(body)
        } catch {
            // The threads are gone: the service stops.
            throw APIProblem(.draining, batch: "")
        }
    }

    /// A picture with fewer pixels, without its texts; `nil` if its file is gone or damaged.
    private static func thumbnail(ofFile path: String, width: Int) -> [UInt8]? {
        guard let bytes = ServiceStore.file(path), let image = try? PNG.decode(bytes).image
        else { return nil }
        let width = min(width, image.width)
        let height = max(1, (image.height * width + image.width / 2) / image.width)
        return try? PNG.encode(image.reduced(width: width, height: height))
    }

    /// Why the file of a picture can't be read.
    private func lost(
        _ index: Int, of id: BatchID, for caller: ServedCaller, path: String
    ) throws(APIProblem) -> APIProblem {
        // It may have been erased meanwhile.
        try requireVisible(id, to: caller)
        logger.error("a picture is gone or damaged", metadata: ["path": "\(path)"])
        return .noPicture(index, "its file is gone or damaged; submit it again")
    }

    /// Why a page of a sheet has no pictures.
    private func missingSheet(_ sheet: StoredSheet) -> APIProblem {
        guard sheet.page <= sheet.pageCountMax else {
            return .unknownPage(sheet.page, count: sheet.pageCountMax)
        }
        if sheet.batch.end == nil { return .sheetNotReady(retryAfterSeconds: usualSeconds) }
        return sheet.pageCount == 0
            ? .noSheet(sheet.batch.id.text) : .unknownPage(sheet.page, count: sheet.pageCount)
    }
}
