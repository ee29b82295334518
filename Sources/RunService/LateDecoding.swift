// SPDX-License-Identifier: Apache-2.0

package import Coordinator
import GenerationTypes
import ProcessSupport
package import Runs
import WireProtocol

/// Makes pictures of latents that are in the archive already, one after the other.
package struct LateDecoding: Sendable {
    private let session: RunSession
    private let decoder: any LatentDecoding
    private let stop: any RunStopping
    private let report: @Sendable (RunEvent) -> Void

    /// Prepares to decode a session's stored latents.
    ///
    /// - Parameter report: receives warnings about latents that can't be decoded.
    package init(
        session: RunSession, decoder: any LatentDecoding, stop: any RunStopping,
        report: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.session = session
        self.decoder = decoder
        self.stop = stop
        self.report = report
    }

    /// Decodes images whose pictures are missing.
    ///
    /// - Parameter all: whether existing pictures are made again, too.
    /// - Returns: the outcome, of these images alone.
    /// - Throws: `RunError`. Latents that can't be decoded are a warning.
    package func run(all: Bool = false) async throws -> RunOutcome {
        // Checked between two pictures.
        stop.onRequest {}
        let history = try session.store.history()
        var hasFailed = false
        for image in all ? history.results.keys.sorted() : history.undecodedImages {
            guard !stop.isStopRequested else { return .interrupted }
            guard let result = history.results[image] else { continue }
            let isWritten = try await DedicatedThread.run(named: "decode") {
                try decode(result, of: history, replacing: all)
            }
            if !isWritten { hasFailed = true }
        }
        return hasFailed ? .someImagesFailed : .complete
    }

    /// - Returns: whether there is a new picture.
    private func decode(
        _ result: ImageResult, of history: StoredHistory, replacing: Bool
    ) throws -> Bool {
        let image = result.image
        let request = history.request(of: image)
        guard let latents = session.store.archive.read(result.facts, digest: \.sha256) else {
            let remedy =
                history.pictures[image] != nil
                ? "its picture stays as it is" : "--resume samples it again"
            report(.warning("the latents of image \(image) are gone or damaged; \(remedy)"))
            return false
        }
        let clock = ContinuousClock()
        let begin = clock.now
        let picture: RGBImage
        do {
            picture = try decoder.decode(latents)
            guard picture.width == request.width, picture.height == request.height else {
                throw OtherSizeError(image: picture, request: request)
            }
        } catch {
            try reportUndecodable(image, of: history, error)
            return false
        }
        try session.write(
            FinishedImage(
                result: result, request: request, latents: latents, image: picture,
                decodeSeconds: (clock.now - begin).seconds),
            replacing: replacing)
        return true
    }

    private func reportUndecodable(
        _ image: ImageNumber, of history: StoredHistory, _ error: any Error
    ) throws {
        let hasPicture = history.pictures[image] != nil
        if !hasPicture, !history.hasFailedToDecode(image) {
            try session.markUndecodable(image, reason: "\(error)")
        }
        let remedy =
            hasPicture
            ? "its picture stays as it is" : "--resume --retry-failed samples it again"
        report(.warning("image \(image) can't be decoded: \(error); \(remedy)"))
    }
}

/// Latents of another picture.
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
