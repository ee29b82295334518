// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// A U-Net with the inputs of a guided call.
struct MergedUNet {
    let textChannels: Int
    private let unet: UNet2DConditionModel
    private let backend: any ComputeBackend
    private let threadCount: Int
    private let sample: TensorShape
    private let latents: [Float]
    private let hasEqualTexts: Bool

    /// - Parameters:
    ///   - path: a model's directory.
    ///   - side: of the latents, in cells.
    ///   - value: latents by row, column and channel.
    init(
        path: String, backend: any ComputeBackend, threadCount: Int, hasEqualTexts: Bool = false,
        side: Int, value: (_ y: Int, _ x: Int, _ channel: Int) -> Float
    ) throws {
        self.backend = backend
        unet = try UNet2DConditionModel.load(
            from: try ModelDirectory(path: path), backend: backend)
        textChannels = try #require(unet.textChannels)
        self.threadCount = threadCount
        self.hasEqualTexts = hasEqualTexts
        let channels = unet.configuration.inputChannels
        sample = TensorShape(height: side, width: side, channels: channels)
        latents = (0..<side * side * channels).map {
            value($0 / channels / side, $0 / channels % side, $0 % channels)
        }
    }

    /// Pseudorandom latents of 16 × 16.
    init(_ model: String, threadCount: Int, hasEqualTexts: Bool = false) throws {
        try self.init(
            path: try modelPath(model), backend: try Machine.standard.makeBackend(),
            threadCount: threadCount, hasEqualTexts: hasEqualTexts, side: 16
        ) { y, x, channel in Float((((y * 16 + x) * 4 + channel) * 37) % 101) / 50 - 1 }
    }

    func merging(
        _ configuration: TokenMergeConfiguration
    ) throws -> TokenMergeRun {
        try TokenMergeRun(
            configuration, for: unet, sample: sample, backend: backend, seed: 5,
            halves: 2)
    }

    /// Operations of a call on both halves, from a dry run.
    func work(_ configuration: TokenMergeConfiguration?) throws -> WorkCount {
        let lanes = try PlannedLanes(
            threadCount: threadCount, halves: 2, instructionSet: backend.instructionSet)
        try lanes.plan(
            for: sample, text: TensorShape(tokens: 77, channels: textChannels), unet: unet,
            merging: try configuration.map { try merging($0) })
        return lanes.workPerCall
    }

    /// Lanes, texts and memory of an image.
    final class Prepared {
        let merging: TokenMergeRun?
        let halves: [Tensor]
        private let lanes: PlannedLanes
        private let unet: UNet2DConditionModel
        private let sample: Tensor
        private let conditioning: [UNetConditioning]
        private let outputs: [Tensor]

        init(_ network: MergedUNet, _ merging: TokenMergeRun?) throws {
            self.merging = merging
            unet = network.unet
            lanes = try PlannedLanes(
                threadCount: network.threadCount, halves: 2,
                instructionSet: network.backend.instructionSet)
            var textShape = TensorShape(tokens: 77, channels: network.textChannels)
            try lanes.plan(for: network.sample, text: textShape, unet: unet, merging: merging)
            let passes = lanes.passes(merging: merging)
            func values(_ count: Int, seed: Int) -> [Float] {
                (0..<count).map { Float(($0 * 37 + seed * 11) % 101) / 50 - 1 }
            }
            let latents = network.latents
            var sampleShape = network.sample
            sampleShape.batch = passes.halvesPerPass
            sample = try .make(
                sampleShape, Array(repeating: latents, count: passes.halvesPerPass).flatMap { $0 })
            let guidance = try unet.configuration.timeConditionProjectionDimension.map {
                try Tensor.make(TensorShape(tokens: 1, channels: $0), values($0, seed: 3))
            }
            let halfTexts = (0..<2).map {
                values(textShape.elementCount, seed: network.hasEqualTexts ? 1 : $0 + 1)
            }
            textShape.batch = passes.halvesPerPass
            let lane = lanes.lanes.lanes[0]
            conditioning = try (0..<passes.passCount).map { [unet] pass in
                let own = passes.halvesPerPass == 2 ? halfTexts.flatMap { $0 } : halfTexts[pass]
                return try unet.prepare(
                    text: try .make(textShape, own), guidance: guidance, lane: lane)
            }
            let outputShape = sampleShape.with(channels: unet.configuration.outputChannels)
            let outputs = try (0..<passes.passCount).map { _ in try Tensor.make(outputShape) }
            self.outputs = outputs
            halves = outputs.flatMap { output in
                (0..<passes.halvesPerPass).map { output.batch($0..<$0 + 1) }
            }
        }

        func call(_ index: Int) {
            merging?.begin(callIndex: index)
            lanes.predict(
                unet, sample: sample, timestep: 981, conditioning: conditioning, merging: merging,
                outputs: outputs)
            merging?.end(uncond: halves[0], text: halves[1])
        }
    }

    func prepare(_ configuration: TokenMergeConfiguration?) throws -> Prepared {
        let run = try configuration.map { try merging($0) }
        return try Prepared(self, run?.mergesAnything == true ? run : nil)
    }

    /// Some calls of an image; the result of the last one.
    func run(
        _ configuration: TokenMergeConfiguration?, calls: Int
    ) throws -> (output: [Float], statistics: TokenMergeStatistics) {
        let prepared = try prepare(configuration)
        for index in 0..<calls { prepared.call(index) }
        return (
            prepared.halves.flatMap(\.values),
            prepared.merging?.statistics ?? TokenMergeStatistics()
        )
    }
}
