// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import TestSupport

/// A made-up run of three images: two written, one failed.
enum SampleRun {
    static let model = ModelRecord(
        name: "postcards",
        fingerprint: ModelFingerprint(
            unet: [UInt8](repeating: 0xA1, count: 32),
            textEncoder: [UInt8](repeating: 0xB2, count: 32),
            vae: [UInt8](repeating: 0xC3, count: 32)))

    static func request(_ prompt: String, seed: UInt64, negativePrompt: String = "")
        -> GenerationRequest
    {
        GenerationRequest(
            prompt: prompt, negativePrompt: negativePrompt, seed: seed, width: 48, height: 32,
            tokenMerging: .none)
    }

    static let timings = ImageTimings(
        worker: GenerationTimings(textEncodingSeconds: 0.5, samplingSeconds: 2.5),
        decodingSeconds: 1)

    static func images(prompts: [String] = ["a red house", "a blue boat", "a tree"])
        -> [ImageRecord]
    {
        prompts.enumerated().map { index, prompt in
            let seed = 42 + UInt64(index)
            var image = ImageRecord(
                number: ImageNumber(index), request: request(prompt, seed: seed))
            image.attempts = 1
            if index == 2 {
                image.status = .failed
                image.attempts = 3
                image.reasons = ["worker lost", "worker lost", "NaN after step 3 <of 25>"]
            } else {
                image.status = .written
                image.file = RunFileName.picture(ImageNumber(index), seed: seed)
                image.worker = "127.0.0.1:7400"
                image.timings = timings
                image.latentSHA256 = String(repeating: "ab", count: 32)
            }
            return image
        }
    }

    static func report(_ images: [ImageRecord] = images()) -> RunReport {
        RunReport(
            run: RunRecord(
                version: "retom 0.1.0", model: model, baseSeed: 42, batchCount: 1,
                settings: ["precision": "bf16", "merge": "none"],
                startedAt: Date(timeIntervalSince1970: 1_763_000_000),
                finishedAt: Date(timeIntervalSince1970: 1_763_000_010),
                workers: [
                    WorkerRecord(
                        name: "127.0.0.1:7400", kernelClass: "avx512", imageCount: 2,
                        busySeconds: 6),
                    WorkerRecord(
                        name: "127.0.0.1:7401", kernelClass: "avx2", lostReason: "killed"),
                ],
                wire: ByteCounts(
                    sent: 900, received: 30_000, latents: 32_768, compressedLatents: 28_000),
                sheets: ["grid-0000.png"]),
            images: images)
    }

    static func metadata(_ prompt: String) -> ImageMetadata {
        ImageMetadata(
            version: "retom 0.1.0", request: request(prompt, seed: .max), model: model,
            result: ImageResult(
                image: ImageNumber(3), worker: "w1", kernelClass: "avx512-bf16", attempt: 2,
                facts: SampledImage.Facts(
                    channels: 4, height: 4, width: 6, sha256: [UInt8](repeating: 15, count: 32),
                    timings: GenerationTimings(textEncodingSeconds: 0.5, samplingSeconds: 2.5))),
            decodingSeconds: 1)
    }
}
