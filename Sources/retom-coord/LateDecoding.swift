// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Coordinator
internal import GenerationTypes
internal import RunStore
internal import Synchronization
internal import WireProtocol

/// Makes pictures of latents that are in the archive already, one after the other.
struct LateDecoding: Sendable {
    let session: RunSession
    let decoder: PictureDecoder
    let progress: ProgressFeed
    let stop: StopRequest

    /// Set when somebody asks to stop; looked at between two pictures.
    private final class Flag: Sendable {
        let isSet = Mutex(false)
    }

    /// Decodes images whose pictures are missing.
    ///
    /// - Parameter all: whether those that are there are made again, too.
    /// - Returns: whether it came to its end; else somebody asked to stop.
    /// - Throws: what writing throws. Latents that can't be decoded are a warning.
    func run(all: Bool = false) async throws -> Bool {
        let flag = Flag()
        stop.onRequest { flag.isSet.withLock { $0 = true } }
        let history = try session.store.history()
        let items = all ? history.results.keys.sorted() : history.undecodedItems
        for item in items {
            guard !flag.isSet.withLock({ $0 }) else { return false }
            guard let result = history.results[item] else { continue }
            try await DedicatedThread.run(named: "decode") {
                try decode(result, request: history.requests[item], replacing: all)
            }
        }
        return true
    }

    private func decode(
        _ result: StoredResult, request: GenerationRequest, replacing: Bool
    ) throws {
        guard let latents = session.store.archive.read(result, digest: \.sha256) else {
            progress.report(
                .warning(
                    """
                    the latents of image \(result.item) are gone or damaged; --resume samples it \
                    again
                    """))
            return
        }
        let clock = ContinuousClock()
        let begin = clock.now
        let image: DecodedImage
        do {
            image = try decoder.decode(latents)
        } catch {
            progress.report(.warning("image \(result.item) can't be decoded: \(error)"))
            return
        }
        try session.write(
            FinishedImage(
                item: result.item, request: request, latents: latents, image: image,
                worker: result.worker, kernelClass: result.kernelClass, attempt: result.attempt,
                resumedStep: result.resumedStep, timings: result.timings,
                tokenMerging: result.tokenMerging,
                decodeSeconds: (clock.now - begin).seconds,
                sha256: Hexadecimal.text(result.sha256)),
            replacing: replacing)
    }
}
