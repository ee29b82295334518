// SPDX-License-Identifier: Apache-2.0

import Digests
import GenerationTypes
import ImageCodec

/// A contact sheet of a page of a service's batch: thumbnails with captions, as a run's sheets have
/// them.
package struct BatchSheet: Sendable {
    /// Longest side of a thumbnail, in pixels: 64 of them on a sheet are 4 megapixels.
    private static let sideMax = 256
    /// Characters of a prompt that a caption may need.
    private static let titleLengthMax = 300

    private let stored: StoredSheet
    private let version: String

    /// Describes a sheet.
    ///
    /// - Parameters:
    ///   - stored: a page with at least one picture.
    ///   - version: this program, for the sheet's `Software` text.
    package init(_ stored: StoredSheet, version: String) {
        precondition(!stored.pictures.isEmpty, "an empty sheet")
        self.stored = stored
        self.version = version
    }

    /// Names what is on it: equal tags, equal bytes.
    package var tag: String {
        let pictures = stored.pictures.map { "\($0.index) \(Hexadecimal.text($0.sha256))\n" }
        let text = "\(version)\n\(stored.batch.id)\n" + pictures.joined()
        return "\(Hexadecimal.text(SHA256.hash(data: Array(text.utf8)).prefix(16)))-s"
    }

    /// The sheet, a PNG.
    ///
    /// One row of pictures is in memory at a time. One whose file is gone or damaged leaves its cell
    /// black.
    ///
    /// - Parameter file: gives the bytes of a picture's file; `nil` if it can't be read.
    /// - Throws: `ImageCodecError`.
    package func png(file: (String) -> [UInt8]?) throws -> [UInt8] {
        let sizes = stored.pictures.map { Self.size($0.request.width, $0.request.height) }
        let sheet = try ContactSheet(
            count: sizes.count, cellWidth: sizes.map(\.width).max() ?? 0,
            cellHeight: sizes.map(\.height).max() ?? 0,
            captions: stored.pictures.map {
                ContactSheet.Caption(
                    prompt: String($0.request.prompt.prefix(Self.titleLengthMax)),
                    image: ImageNumber($0.index), seed: $0.request.seed)
            })
        return try sheet.encoded(texts: [PNGText(keyword: "Software", text: version)]) { index in
            guard let bytes = file(stored.pictures[index].file),
                let image = try? PNG.decode(bytes).image
            else { return nil }
            let (width, height) = Self.size(image.width, image.height)
            return image.reduced(width: width, height: height)
        }
    }

    /// The size of a thumbnail.
    private static func size(_ width: Int, _ height: Int) -> (width: Int, height: Int) {
        let side = max(width, height)
        guard side > sideMax else { return (width, height) }
        return (max(1, width * sideMax / side), max(1, height * sideMax / side))
    }
}

extension ContactSheet.Caption {
    /// The caption of a picture of a run or a batch.
    init(prompt: String, image: ImageNumber, seed: UInt64, hasFailed: Bool = false) {
        var detail = "#\(image) · seed \(seed)"
        if hasFailed { detail += " · failed" }
        self.init(title: prompt, detail: detail)
    }
}
