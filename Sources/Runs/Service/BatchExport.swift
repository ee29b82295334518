// SPDX-License-Identifier: Apache-2.0

import Digests
import FoundationEssentials
import GenerationTypes
import Glibc
package import ServiceLedger
import Synchronization

/// Makes a run directory of a service's batch: the same files as a run of its images would have
/// left, which may be resumed if the batch has not ended, was cancelled, or has failed images.
///
/// The directory appears whole, with a run in it, or not at all. The run has an identity of its
/// own, so that workers do not take it for the service.
package struct BatchExport: Sendable {
    /// What names the run to workers.
    package var identity: ServiceStore.Identity
    /// How the run's files are written.
    package var encoding: PictureEncoding
    /// Dates a batch that has not ended.
    package var clock: WallClock
    /// Asked between two images.
    package var isInterrupted: @Sendable () -> Bool
    /// Called with what is left out, and why.
    package var warn: @Sendable (String) -> Void

    /// Describes how batches are exported.
    package init(
        identity: ServiceStore.Identity, encoding: PictureEncoding, clock: WallClock = .system,
        isInterrupted: @escaping @Sendable () -> Bool = { false },
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.identity = identity
        self.encoding = encoding
        self.clock = clock
        self.isInterrupted = isInterrupted
        self.warn = warn
    }

    /// Exports a batch.
    ///
    /// - Parameter path: a directory that is new or empty.
    /// - Returns: the run's images by outcome.
    /// - Throws: `BatchExportError`, `ServiceStateError`, `RunError`; the directory is as it was
    ///   then.
    package func write(
        _ id: BatchID, of service: ServiceReader, to path: String
    ) throws -> StoredImages {
        let place = try ExportPlace(path)
        let batch = try service.batch(id)
        guard let model = batch.model else { throw BatchExportError.unknownModel(id.text) }
        do {
            let images = try fill(place.building, with: batch, of: model, from: service)
            // Its files are removed after that is on the disk: all were there until now.
            guard try service.keeps(id) else { throw BatchExportError.erased(id.text) }
            try place.publish()
            return images
        } catch {
            place.withdraw()
            if let error = error as? RunError { throw error.in(.preparing) }
            throw error
        }
    }

    private func fill(
        _ path: String, with batch: ServiceReader.Batch, of model: StoredModel,
        from service: ServiceReader
    ) throws -> StoredImages {
        let requests = (0..<batch.accepted.imageCount).map(batch.accepted.request(at:))
        let directory = try RunDirectory(preparing: path)
        let store = try RunStore.begin(
            StoredRun(
                instance: identity.instance, leaseKey: identity.leaseKey,
                modelDirectory: model.directory, model: model.fingerprint,
                baseSeed: requests[0].seed, isBaseSeedRandom: false, batchCount: 1,
                settings: model.settings, savesLatents: false),
            requests: requests, directory: path, isSuccessor: false)
        let session = try RunSession(
            store, place: RunSession.Place(directory: directory), model: model.record,
            decodeClass: "", encoding: encoding, clock: dates(of: batch.stored),
            report: { [warn] event in if case .warning(let text) = event { warn(text) } })
        var copied = Copied()
        for (index, image) in batch.images.sorted(by: { $0.key < $1.key }) {
            if isInterrupted() { throw BatchExportError.interrupted }
            try copy(image, at: index, of: batch.stored.id, service.directory, directory, &copied)
        }
        let first = batch.stored.images.lowerBound
        try store.archive.synchronize()
        try DurableWrite.synchronize(directory: path)
        try store.write { [copied] database in
            for result in copied.results { try database.insert(result) }
            for failure in copied.failures {
                try database.insert(failure.attempt, of: failure.image, isFinal: failure.isFinal)
            }
            for picture in copied.pictures { try database.insert(picture) }
            for (image, checkpoint) in batch.checkpoints {
                try database.insert(checkpoint, of: ImageNumber(image.rawValue - first))
            }
        }
        try session.finish()
        let images = StoredImages(try store.history())
        try store.close()
        return images
    }

    /// What the run's database will say of images whose files are there.
    private struct Copied {
        var results: [ImageResult] = []
        var pictures: [StoredPicture] = []
        var failures: [(image: ImageNumber, attempt: FailedAttempt, isFinal: Bool)] = []
    }

    private func copy(
        _ image: StoredImage, at index: Int, of id: BatchID, _ state: String,
        _ directory: RunDirectory, _ copied: inout Copied
    ) throws {
        let number = ImageNumber(index)
        for (offset, attempt) in image.failures.enumerated() {
            let isLast = offset == image.failures.count - 1
            copied.failures.append((number, attempt, isLast && image.hasFailed))
        }
        guard var result = image.result else { return }
        result.image = number
        let source = LatentArchive(directory: state)
        let latents = source.read(result.facts, digest: Self.digest)
        if let latents {
            try LatentArchive(directory: directory.path).write(
                latents, sha256: result.facts.sha256)
        } else {
            warn("the latents of image \(index) are gone or damaged")
        }
        let folder = "\(state)/\(ServiceStore.picturesName)/\(id.text)"
        if var picture = image.picture,
            let bytes = ServiceStore.file("\(folder)/\(picture.file)")
        {
            try directory.writeNew(picture.file, bytes: bytes)
            picture.image = number
            copied.pictures.append(picture)
        } else {
            if image.picture != nil { warn("the picture of image \(index) is gone") }
            // Without either nothing is left of it.
            guard latents != nil else { return }
        }
        copied.results.append(result)
    }

    private static func digest(_ latents: GeneratedLatents) -> [UInt8] {
        var hash = SHA256()
        latents.values.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize()
    }

    /// The session's beginning first, then its end.
    private func dates(of batch: StoredBatch) -> WallClock {
        let start = batch.end?.startedAt ?? batch.acceptedAt
        let end = batch.end?.endedAt ?? clock.now().timeIntervalSince1970
        let hasBegun = Mutex(false)
        return WallClock {
            let seconds = hasBegun.withLock { hasBegun in
                defer { hasBegun = true }
                return hasBegun ? end : start
            }
            return Date(timeIntervalSince1970: seconds)
        }
    }
}
