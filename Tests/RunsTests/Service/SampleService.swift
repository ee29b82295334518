// SPDX-License-Identifier: Apache-2.0

import Dispatch
import GenerationTypes
import Requests
import Runs
import ServiceLedger
import Synchronization
import TestSupport
import WireProtocol

/// A service's directory, and what a service does to it.
struct SampleService {
    static func model(name: String = "one") -> StoredModel {
        let fingerprint = ModelFingerprint(
            unet: Array(repeating: 1, count: 32), textEncoder: Array(repeating: 2, count: 32),
            vae: Array(repeating: 3, count: 32))
        return StoredModel(
            record: ModelRecord(name: name, fingerprint: fingerprint), directory: "/models/\(name)",
            fingerprint: fingerprint, settings: ["precision": "f32"])
    }

    let store: ServiceStore

    /// Opens a directory, with a committer of its own.
    init(_ directory: String) throws {
        let queue = DispatchQueue(label: "committer")
        store = try ServiceStore.open(
            directory: directory, onCommitter: { queue.async(execute: $0) })
    }

    /// Waits until changes are on the disk.
    func commit(_ changes: LedgerChange...) throws {
        let done = DispatchSemaphore(value: 0)
        let problem = Mutex<ServiceStateError?>(nil)
        store.commit(changes) { error in
            problem.withLock { $0 = error }
            done.signal()
        }
        done.wait()
        if let error = problem.withLock({ $0 }) { throw error }
    }

    static func batch(
        _ id: String, first: Int = 0, count: Int = 3, caller: String = "a", key: String? = nil
    ) -> AcceptedBatch {
        var spans = [
            ImageSpan(
                first: GenerationRequest(
                    prompt: "a \"red\" 家", negativePrompt: "\u{0}'; --", seed: 7, width: 64,
                    height: 128, guidanceScale: 7.1, samplingMethod: .uniPC), count: 1)
        ]
        if count > 1 {
            let request = GenerationRequest(
                prompt: "a boat", seed: UInt64.max - UInt64(count), width: 64, height: 64)
            spans.append(ImageSpan(first: request, count: count - 1))
        }
        return AcceptedBatch(
            Submission(
                id: BatchID(id), caller: CallerID(caller), weight: 2, key: key,
                bodyDigest: [1, 2, 3], priority: .interactive, spans: spans,
                details: BatchDetails(note: "for \"me\"", warnings: ["a", "b"])),
            firstImage: ImageNumber(first), acceptedAt: 1000.5)
    }

    /// Writes latents and books them.
    @discardableResult
    func finish(_ image: Int, of item: Int? = nil) throws -> ImageResult {
        let result = Self.result(image, of: item)
        try store.write(Samples.latents(item ?? image), sha256: result.facts.sha256)
        try store.commit([.result(result)])
        return result
    }

    static func result(_ image: Int, of item: Int? = nil) -> ImageResult {
        let latents = Samples.latents(item ?? image)
        let sampled = SampledImage(
            latents: latents, sha256: latents.sha256,
            timings: GenerationTimings(textEncodingSeconds: 0.1, samplingSeconds: 1.0 / 3))
        return ImageResult(
            image: ImageNumber(image), worker: "[::1]:7400", kernelClass: "k", attempt: 2,
            facts: sampled.facts)
    }

    func picture(
        _ image: Int, of batch: String, index: Int, seed: UInt64 = 7, bytes: [UInt8] = [1, 2, 3]
    ) throws {
        let name = RunFileName.picture(ImageNumber(index), seed: seed)
        try store.writePicture(bytes, name, of: BatchID(batch))
        try record(image, name, of: BatchID(batch))
    }

    /// Books a picture of three bytes.
    func record(_ image: Int, _ name: String, of batch: BatchID) throws {
        let done = DispatchSemaphore(value: 0)
        let problem = Mutex<ServiceStateError?>(nil)
        store.record(
            StoredPicture(
                image: ImageNumber(image), file: name, latentsFile: nil, decodeSeconds: 0.25),
            byteCount: 3, of: batch
        ) { error in
            problem.withLock { $0 = error }
            done.signal()
        }
        done.wait()
        if let error = problem.withLock({ $0 }) { throw error }
    }
}
