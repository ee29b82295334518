// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Runs
import TestSupport
import WireProtocol

/// Runs and results to store.
enum Samples {
    /// When everything happens.
    static let date = Date(timeIntervalSince1970: 1_763_000_000)
    static let clock = WallClock { date }

    static let run = StoredRun(
        instance: Array(0..<16), leaseKey: Array(100..<132), modelDirectory: "/models/one",
        model: ModelFingerprint(
            unet: Array(repeating: 1, count: 32), textEncoder: Array(repeating: 2, count: 32),
            vae: Array(repeating: 3, count: 32)),
        baseSeed: UInt64.max - 20, isBaseSeedRandom: true, batchCount: 3,
        settings: ["precision": "f32"], savesLatents: true)

    /// Requests with values that are easily lost in a text.
    static func requests(_ count: Int) -> [GenerationRequest] {
        (0..<count).map { item in
            var request = GenerationRequest(
                prompt: "a \"red\" 家\n\(item)", negativePrompt: "\u{0}'; --",
                seed: UInt64.max - UInt64(item), width: 64, height: 128,
                guidanceScale: 7.1, samplingMethod: .uniPC, eta: 0.1)
            if item % 2 == 0 { request.tokenMerging = .none }
            return request
        }
    }

    static func begin(_ count: Int, in path: String) throws -> RunStore {
        try RunStore.begin(run, requests: requests(count), directory: path, isSuccessor: false)
    }

    static func latents(_ item: Int) -> GeneratedLatents {
        var generator = SplitMix64(seed: UInt64(item))
        return GeneratedLatents(
            channels: 4, height: 3, width: 5, values: generator.floats(60))
    }

    /// Stores a result as a coordinator does.
    @discardableResult
    static func store(item: Int, in store: RunStore) throws -> ImageResult {
        let latents = latents(item)
        var merging = TokenMergeStatistics()
        merging.computedPlanCount = item
        let sampled = SampledImage(
            latents: latents, sha256: latents.sha256,
            timings: GenerationTimings(textEncodingSeconds: 0.1, samplingSeconds: 1.0 / 3),
            tokenMerging: merging)
        let result = ImageResult(
            image: ImageNumber(item), worker: "[::1]:7400", kernelClass: "k", attempt: 2,
            facts: sampled.facts)
        try store.write(latents, sha256: result.facts.sha256)
        try store.commit([.result(result)])
        return result
    }

    /// Gives an image up.
    static func fail(item: Int, in store: RunStore) throws {
        try store.commit([.failure(ImageNumber(item), FailedAttempt(reason: "no"), isFinal: true)])
    }
}
