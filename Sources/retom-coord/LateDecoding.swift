// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Coordinator
internal import GenerationTypes
internal import RunStore
internal import WireProtocol

/// Makes pictures of latents that are in the archive already, one after the other.
struct LateDecoding: Sendable {
    let session: RunSession
    let decoder: PictureDecoder
    let progress: ProgressFeed
    let stop: StopRequest

    /// What came of it.
    struct Outcome: Sendable {
        /// How the program ends, because somebody asked to stop before the end.
        var interruption: ProgramExit?
        /// Images whose latents made no picture; each was told.
        var failedCount = 0

        /// How the program ends.
        ///
        /// - Parameter failedBefore: whether images had failed already.
        func exit(failedBefore: Bool) -> ProgramExit {
            interruption ?? (failedBefore || failedCount > 0 ? .someImagesFailed : .success)
        }
    }

    /// Decodes images whose pictures are missing.
    ///
    /// - Parameter all: whether those that are there are made again, too.
    /// - Throws: what writing throws. Latents that can't be decoded are a warning.
    func run(all: Bool = false) async throws -> Outcome {
        var outcome = Outcome()
        // Looked at between two pictures.
        stop.onRequest {}
        let history = try session.store.history()
        let items = all ? history.results.keys.sorted() : history.undecodedItems
        for item in items {
            outcome.interruption = stop.interruption
            guard outcome.interruption == nil else { break }
            guard let result = history.results[item] else { continue }
            let isWritten = try await DedicatedThread.run(named: "decode") {
                try decode(result, of: history, replacing: all)
            }
            if !isWritten { outcome.failedCount += 1 }
        }
        return outcome
    }

    /// - Returns: whether there is a new picture.
    private func decode(
        _ result: ImageResult, of history: StoredHistory, replacing: Bool
    ) throws -> Bool {
        let item = result.image.rawValue
        let request = history.requests[item]
        guard let latents = session.store.archive.read(result.facts, digest: \.sha256) else {
            let remedy =
                history.pictures[item] != nil
                ? "its picture stays as it is" : "--resume samples it again"
            progress.report(
                .warning("the latents of image \(item) are gone or damaged; \(remedy)"))
            return false
        }
        let clock = ContinuousClock()
        let begin = clock.now
        let image: RGBImage
        do {
            image = try decoder.decode(latents)
            guard image.width == request.width, image.height == request.height else {
                throw OtherSizeError(image: image, request: request)
            }
        } catch {
            try tellUndecodable(item, of: history, error)
            return false
        }
        try session.write(
            FinishedImage(
                result: result, request: request, latents: latents, image: image,
                decodeSeconds: (clock.now - begin).seconds),
            replacing: replacing)
        return true
    }

    private func tellUndecodable(
        _ item: Int, of history: StoredHistory, _ error: any Error
    ) throws {
        let hasPicture = history.pictures[item] != nil
        if !hasPicture, !history.hasFailedToDecode(item) {
            try session.noteUndecodable(item, reason: "\(error)")
        }
        let remedy =
            hasPicture
            ? "its picture stays as it is" : "--resume --retry-failed samples it again"
        progress.report(.warning("image \(item) can't be decoded: \(error); \(remedy)"))
    }
}

/// Latents that are another picture's.
private struct OtherSizeError: Error, CustomStringConvertible {
    let image: RGBImage
    let request: GenerationRequest

    var description: String {
        """
        its latents make a picture of \(image.width)×\(image.height), not \
        \(request.width)×\(request.height)
        """
    }
}
