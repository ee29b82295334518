// SPDX-License-Identifier: Apache-2.0

package import Coordinator
package import GenerationTypes
import ImageCodec
import Logging
import NIOPosix
import ProcessSupport
import Requests
import RunService
import Runs
import ServiceLedger
import Synchronization
import WireProtocol

/// What comes from the coordinator.
extension ImageService {
    /// Applies an event of the cluster; what it says is on the disk.
    package func note(_ event: CoordinatorEvent) {
        let usableCount = state.withLock { state in
            state.fleet.note(event) ? state.fleet.usableCount : nil
        }
        if let usableCount { apply(.workers(usableCount)) }
        switch event {
        case .assigned(let image, let worker, let attempt):
            apply(.began(image, worker: worker, attempt: attempt))
            beginPreviews(of: image)
        case .previewed(let image, let preview): show(preview, of: image)
        case .progress(let image, let worker, let step, _, _, _) where step > 0:
            apply(.advanced(image, worker: worker, step: step))
        case .retried(let image, _): apply(.retried(image))
        case .completed(let result):
            apply(.sampled(result.image, seconds: result.facts.timings.samplingSeconds))
        case .failed(let image, let failures):
            // That no worker is left is nobody's fault: the image waits for one.
            if failures.last == .noWorkerLeft {
                apply(.returned(image))
            } else {
                state.withLock { $0.failedCount += 1 }
                apply(.failed(image))
            }
        default: break
        }
        forgetPreviews(after: event)
    }

    /// Takes the picture of an image, for which `writerCount` threads are there.
    ///
    /// - Throws: `RunError`.
    package func consume(_ finished: FinishedImage, decodeClass: String) async throws {
        // Not cut short where the service stops: what has begun is finished.
        try await withCheckedThrowingContinuation { continuation in
            writers.submit { _ in
                continuation.resume(
                    with: Result { try self.write(finished, decodeClass: decodeClass) })
            }
        }
    }

    /// Writes the picture of an image; its batch hears of it when that is on the disk.
    ///
    /// - Throws: `RunError`.
    package func write(_ finished: FinishedImage, decodeClass: String) throws {
        let number = finished.result.image
        painter.learn(finished.latents, finished.image)
        // Its batch was cancelled meanwhile: nobody wants the picture.
        guard let (batch, index) = state.withLock({ $0.ledger.batch(of: number) }) else { return }
        var result = finished.result
        result.image = ImageNumber(index)
        let metadata = ImageMetadata(
            version: ProgramVersion.text, request: finished.request, model: model,
            result: result, decodingSeconds: finished.decodeSeconds)
        let texts = try metadata.pngTexts(mergeMethod: PictureEncoding.standard.mergeMethod)
        let name = RunFileName.picture(result.image, seed: finished.request.seed)
        let bytes = try PNG.encode(finished.image, texts: texts)
        try store.writePicture(bytes, name, of: batch.id)
        let picture = StoredPicture(
            image: number, file: name, latentsFile: nil,
            decodeSeconds: finished.decodeSeconds,
            decodeClass: finished.workerDecodeClass ?? decodeClass,
            workerDecodeClass: finished.workerDecodeClass)
        let latentByteCount = result.facts.valueCount * MemoryLayout<Float>.stride
        store.record(picture, byteCount: bytes.count, of: batch.id) { [self] error in
            if let error { return fail(error) }
            state.withLock { $0.finishedCount += 1 }
            apply(.finished(number, byteCount: bytes.count + latentByteCount))
        }
    }

    /// Makes the pictures of latents that an earlier session of the service stored.
    ///
    /// - Throws: `RunError`, `ServiceStateError`.
    package func decodeLate(
        with decoder: any LatentDecoding, decodeClass: String
    ) throws {
        for live in try store.storedLedger().live {
            for index in live.sampled.sorted() {
                guard !state.withLock(\.ledger.isDraining) else { return }
                try decodeLate(
                    live.accepted.number(at: index), live.accepted.request(at: index), decoder,
                    decodeClass)
            }
        }
    }

    private func decodeLate(
        _ number: ImageNumber, _ request: GenerationRequest, _ decoder: any LatentDecoding,
        _ decodeClass: String
    ) throws {
        guard let result = try store.image(number).result else { return }
        guard let latents = store.archive.read(result.facts, digest: \.sha256) else {
            logger.warning("latents are gone or damaged", metadata: ["image.id": "\(number)"])
            try store.commit([.forgotten(number)])
            apply(.returned(number))
            return
        }
        let clock = ContinuousClock()
        let begin = clock.now
        do {
            let image = try decoder.decode(latents)
            try write(
                FinishedImage(
                    result: result, request: request, latents: latents, image: image,
                    decodeSeconds: (clock.now - begin).seconds), decodeClass: decodeClass)
        } catch let error as RunError {
            throw error
        } catch {
            let failure = FailedAttempt(reason: "decoding failed: \(error)")
            try store.commit([.failure(number, failure, isFinal: true)])
            apply(.failed(number))
        }
    }
}
