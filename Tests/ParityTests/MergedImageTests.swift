// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// Whole images with merged tokens.
@Suite(.serialized) struct MergedImageTests {
    static func pipeline(threadCount: Int = 2) throws -> StableDiffusionPipeline {
        try StableDiffusionPipeline(
            model: try ModelDirectory(path: try EmbeddedModel.directory()),
            compute: ComputeConfiguration(
                backend: .onednn, precision: .float32, threadCount: threadCount))
    }

    static func latents(
        _ pipeline: StableDiffusionPipeline, _ request: GenerationRequest
    ) throws -> [Float] {
        let run = try pipeline.begin(request)
        while try run.next() != nil {}
        return run.latents.values
    }

    static func request(
        seed: UInt64 = 7, steps: Int = 25, size: Int = 256, _ merging: TokenMergeConfiguration
    ) -> GenerationRequest {
        GenerationRequest(
            prompt: "a red house on the left in a snowy field under a blue sky", seed: seed,
            width: size, height: size, inferenceStepCount: steps, tokenMerging: merging)
    }

    /// diffusers under `tomesd` 0.1.3 with fixed destinations, f32: the same latents.
    @Test(arguments: [("none", 25), ("top", 25), ("all", 25), ("modules", 5)])
    func toMeSD(_ name: String, steps: Int) throws {
        var merging = TokenMergeConfiguration(method: name == "none" ? "none" : "tome")
        merging.usesRandomDestinations = false
        switch name {
        case "top": break
        case "all":
            merging.ratio = 0.6
            merging.maximumDownsample = 8
        default:
            merging.ratio = 0.4
            merging.maximumDownsample = 2
            merging.mergesCrossAttention = true
            merging.mergesFeedForward = true
        }
        let expected = try Goldens("merged_images").floats(name)
        let error = relativeL2(
            try Self.latents(try Self.pipeline(), Self.request(steps: steps, merging)), expected)
        #expect(error <= 1e-3, "relative L2 \(error)")
    }

    /// diffusers with ToDo's coarser keys and values (25 steps), and with scikit-learn's clusters
    /// (2 steps), each written from the papers: the same latents.
    @Test(arguments: [("todo", 25, 256), ("atc", 2, 64)])
    func methodsWithoutAPackage(_ method: String, steps: Int, size: Int) throws {
        let goldens = try Goldens("merged_methods")
        let expected = try goldens.floats(method)
        let seed = UInt64(try #require(try goldens.tokens("\(method).seed").first))
        let request = Self.request(
            seed: seed, steps: steps, size: size, TokenMergeConfiguration(method: method))
        let pipeline = try Self.pipeline()
        let error = relativeL2(try Self.latents(pipeline, request), expected)
        #expect(error <= 1e-3, "relative L2 \(error)")
        let plain = Self.request(seed: seed, steps: steps, size: size, .none)
        #expect(relativeL2(try Self.latents(pipeline, plain), expected) > 1e-2)
    }

    static let methods = ["retom", "tome", "atc", "importance", "todo"]

    /// An image is a function of its request: alone, after others, and after others of other sizes
    /// and methods.
    @Test(arguments: methods)
    func imagesAreIndependent(_ method: String) throws {
        let merging = TokenMergeConfiguration(method: method)
        let pipeline = try Self.pipeline()
        let alone = try Self.latents(pipeline, Self.request(steps: 3, size: 64, merging))
        _ = try Self.latents(pipeline, Self.request(seed: 8, steps: 3, size: 64, merging))
        #expect(try Self.latents(pipeline, Self.request(steps: 3, size: 64, merging)) == alone)
        let other = TokenMergeProfile.quality.configuration
        _ = try Self.latents(pipeline, Self.request(steps: 2, size: 96, other))
        #expect(try Self.latents(pipeline, Self.request(steps: 3, size: 64, merging)) == alone)
        let plain = try Self.latents(pipeline, Self.request(steps: 3, size: 64, .none))
        #expect(plain != alone)
    }

    @Test func statisticsBelongToTheImage() throws {
        let pipeline = try Self.pipeline()
        let run = try pipeline.begin(Self.request(steps: 6, size: 64, TokenMergeConfiguration()))
        while try run.next() != nil {}
        // Three blocks at the top; calls 0 and 5 make plans.
        #expect(run.mergeStatistics.computedPlanCount == 6)
        #expect(run.mergeStatistics.reusedPlanCount == 12)
        #expect(run.mergeStatistics.tokenCountBefore == 6 * 3 * 2 * 64)
        #expect(run.mergeStatistics.tokenCountAfter == 6 * 3 * 2 * 32)
        let next = try pipeline.begin(Self.request(steps: 1, size: 64, TokenMergeConfiguration()))
        #expect(next.mergeStatistics.computedPlanCount == 0)
    }

    @Test func importanceNeedsGuidance() throws {
        var request = Self.request(
            steps: 1, size: 64, TokenMergeConfiguration(method: "importance"))
        request.guidanceScale = 1
        let pipeline = try Self.pipeline()
        #expect(throws: TokenMergeConfigurationError.needsGuidance(method: "importance")) {
            _ = try pipeline.begin(request)
        }
        request.tokenMerging.method = "magic"
        #expect(throws: TokenMergeConfigurationError.self) { _ = try pipeline.begin(request) }
        request.tokenMerging.method = "retom"
        request.tokenMerging.ratio = 2
        #expect {
            _ = try pipeline.begin(request)
        } throws: {
            "\($0)" == "ratio 2.0: choose from 0 to 1 with --merge-ratio"
        }
    }
}
