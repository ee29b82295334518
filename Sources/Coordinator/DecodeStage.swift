// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import NIOPosix
import WireProtocol

/// Turns latents into pictures on threads of its own, while other images are still being sampled.
///
/// Its queue needs no bound of its own: the state machine grants no new work while too many results
/// wait here or at the consumer.
struct DecodeStage: Sendable {
    /// What came out, in order of completion.
    enum Output: Sendable {
        case image(FinishedImage)
        /// - Parameter isDecoderSound: whether the decoder makes a picture of other latents.
        case failure(ImageNumber, reason: String, isDecoderSound: Bool)
        /// Nobody decodes in this run.
        case undecoded(ImageNumber)
    }

    private let decoder: any LatentDecoding
    private let pool: NIOThreadPool
    private let emit: @Sendable (Output) -> Void

    init(
        decoder: any LatentDecoding, threadCount: Int,
        emit: @escaping @Sendable (Output) -> Void
    ) {
        self.decoder = decoder
        self.emit = emit
        pool = NIOThreadPool(numberOfThreads: threadCount)
        pool.start()
    }

    /// Queues one result.
    func submit(_ stored: StoredLatents) {
        pool.submit { [self] state in
            // Not active: the run is over and nobody waits for the picture.
            guard state == .active else { return }
            emit(decode(stored))
        }
    }

    /// Waits for the decodes that run, drops those that wait, ends the threads.
    func shutDown() async {
        // The only error is that it was shut down before.
        try? await pool.shutdownGracefully()
    }

    private func decode(_ stored: StoredLatents) -> Output {
        let (result, picture) = (stored.result, stored.picture)
        let clock = ContinuousClock()
        let begin = clock.now
        do {
            let image = try picture?.image ?? decoder.decode(result.latents)
            return .image(
                FinishedImage(
                    result: result.imageResult(
                        of: stored.image, worker: stored.worker, kernelClass: stored.kernelClass),
                    request: stored.request, latents: result.latents, image: image,
                    decodeSeconds: picture?.seconds ?? (clock.now - begin).seconds,
                    workerDecodeClass: picture?.kernelClass))
        } catch {
            return .failure(
                stored.image, reason: "\(error)", isDecoderSound: isSound(for: result.latents))
        }
    }

    /// Whether the decoder makes a picture of as many zeros, which lie in the middle of what any
    /// VAE decodes: if not, it lacks memory, or is broken, and no latents are to blame.
    private func isSound(for latents: GeneratedLatents) -> Bool {
        let zeros = GeneratedLatents(
            channels: latents.channels, height: latents.height, width: latents.width,
            values: [Float](repeating: 0, count: latents.values.count))
        return (try? decoder.decode(zeros)) != nil
    }
}
