// SPDX-License-Identifier: Apache-2.0

import CAllocationCounter
import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// Token merging in the U-Net, call by call.
@Suite(.serialized) struct MergedUNetTests {
    static func configuration(
        _ method: String, _ change: (inout TokenMergeConfiguration) -> Void = { _ in }
    ) -> TokenMergeConfiguration {
        var configuration = TokenMergeConfiguration(method: method)
        configuration.maximumDownsample = 8
        change(&configuration)
        return configuration
    }

    /// Every method, and the switches that change what runs.
    static let configurations = [
        configuration("retom"),
        configuration("retom") { $0.scope = .keysValues },
        configuration("retom") { $0.sharing = .perSample },
        configuration("retom") { $0.usesProportionalAttention = true },
        configuration("retom") { $0.alpha = .weight(1) },
        configuration("tome"),
        configuration("tome") {
            $0.mergesCrossAttention = true
            $0.mergesFeedForward = true
        },
        configuration("tome") {
            $0.mergesSelfAttention = false
            $0.mergesFeedForward = true
        },
        configuration("atc"), configuration("importance"), configuration("todo"),
    ]

    /// What merging saves is, to the operation, what the cost functions say.
    @Test(arguments: ["tiny", "mixed", "postcards"], configurations)
    func savedWorkIsExact(_ model: String, _ configuration: TokenMergeConfiguration) throws {
        let network = try MergedUNet(model, threadCount: 2)
        let whole = try network.work(nil)
        let merged = try network.work(configuration)
        let run = try network.merging(configuration)
        let blocks = run.sites.map { site in
            (
                site: site,
                block: TransformerBlockShape(
                    tokenCount: site.grid.tokenCount, channels: site.channels,
                    contextChannels: network.textChannels)
            )
        }
        // Some blocks of "mixed" have no self-attention to merge around.
        guard model != "mixed" else {
            #expect(merged.totalFLOPs < whole.totalFLOPs)
            return
        }
        let saved = try run.merger.savedFLOPs(at: blocks)
        #expect(saved > 0)
        #expect(whole.totalFLOPs - merged.totalFLOPs == 2 * saved)
        #expect(whole.convolutionFLOPs == merged.convolutionFLOPs)
    }

    /// One thread runs both halves as a batch or one after the other, two threads run them side by
    /// side: rounding apart, the results are the same.
    @Test(arguments: configurations)
    func lanesDecideNothing(_ configuration: TokenMergeConfiguration) throws {
        let single = try MergedUNet("postcards", threadCount: 1).run(configuration, calls: 3)
        let double = try MergedUNet("postcards", threadCount: 2).run(configuration, calls: 3)
        let triple = try MergedUNet("postcards", threadCount: 3).run(configuration, calls: 3)
        // Importance draws by rank: one changed rank in thousands of nearly equal values moves all
        // draws behind it.
        let bound = configuration.method == "importance" ? 0.1 : 1e-5
        #expect(relativeL2(double.output, single.output) < bound)
        #expect(relativeL2(triple.output, single.output) < bound)
        #expect(single.statistics.tokenCountAfter == double.statistics.tokenCountAfter)
        #expect(single.statistics.computedPlanCount == double.statistics.computedPlanCount)
    }

    /// Nothing merges at ratio 0: the same bits as without merging.
    @Test(arguments: ["retom", "tome", "atc", "importance"])
    func ratioZeroIsIdentity(_ method: String) throws {
        let network = try MergedUNet("postcards", threadCount: 2)
        let configuration = Self.configuration(method) { $0.ratio = 0 }
        let whole = try network.run(nil, calls: 1).output
        #expect(try network.run(configuration, calls: 1).output == whole)
        #expect(try network.run(Self.configuration(method), calls: 1).output != whole)
    }

    /// Both halves have the same text here, so both features are the same: a plan made from both is
    /// the plan made from one.
    @Test func halvesShareTheirPlan() throws {
        let network = try MergedUNet("postcards", threadCount: 2, hasEqualTexts: true)
        let shared = try network.run(Self.configuration("retom"), calls: 2)
        let own = try network.run(
            Self.configuration("retom") { $0.sharing = .perSample }, calls: 2)
        #expect(shared.output == own.output)
        #expect(2 * shared.statistics.computedPlanCount == own.statistics.computedPlanCount)
        let other = try MergedUNet("postcards", threadCount: 2)
        let together = try other.run(Self.configuration("retom"), calls: 2).output
        let apart = try other.run(
            Self.configuration("retom") { $0.sharing = .perSample }, calls: 2
        ).output
        #expect(together != apart)
    }

    @Test func plansFollowThePeriod() throws {
        let network = try MergedUNet("postcards", threadCount: 2)
        let configuration = Self.configuration("retom") { $0.period = 2 }
        let statistics = try network.run(configuration, calls: 5).statistics
        let sites = try network.merging(configuration).sites
        #expect(statistics.computedPlanCount == 3 * sites.count)
        #expect(statistics.reusedPlanCount == 2 * sites.count)
        let tokens = sites.reduce(0) { $0 + $1.grid.tokenCount }
        #expect(statistics.tokenCountBefore == 2 * 5 * tokens)
        #expect(statistics.byteCount > 0)
    }

    @Test(arguments: configurations + [.none], [1, 2])
    func callsAllocateNothing(
        _ configuration: TokenMergeConfiguration, threadCount: Int
    ) throws {
        let network = try MergedUNet("tiny", threadCount: threadCount)
        var configuration = configuration
        configuration.period = 1
        let run = try network.prepare(configuration, calls: 4)
        try run.call(0)
        try run.call(1)
        rt_count_allocations()
        try run.call(2)
        try run.call(3)
        #expect(rt_counted_own_allocations() == 0)
    }
}

/// A U-Net with the inputs of a guided call.
struct MergedUNet {
    let textChannels: Int
    private let unet: UNet2DConditionModel
    private let backend: any ComputeBackend
    private let threadCount: Int
    private let sample: TensorShape
    private let hasEqualTexts: Bool

    init(_ model: String, threadCount: Int, hasEqualTexts: Bool = false) throws {
        backend = try Machine.standard.makeBackend()
        unet = try UNet2DConditionModel.load(
            from: try ModelDirectory(path: try modelPath(model)), backend: backend)
        textChannels = try #require(unet.textChannels)
        self.threadCount = threadCount
        self.hasEqualTexts = hasEqualTexts
        sample = TensorShape(height: 16, width: 16, channels: unet.configuration.inputChannels)
    }

    func merging(
        _ configuration: TokenMergeConfiguration, calls: Int = 3
    ) throws -> TokenMergeRun {
        try TokenMergeRun(
            configuration, for: unet, sample: sample, backend: backend, seed: 5,
            callCount: calls, halves: 2)
    }

    /// Operations of a call on both halves, from a dry run.
    func work(_ configuration: TokenMergeConfiguration?) throws -> WorkCount {
        let lanes = try PlannedLanes(threadCount: threadCount, halves: 2)
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
        private let guidance: Tensor?
        private let texts: [PreparedText]
        private let outputs: [Tensor]

        init(_ network: MergedUNet, _ merging: TokenMergeRun?) throws {
            self.merging = merging
            unet = network.unet
            lanes = try PlannedLanes(threadCount: network.threadCount, halves: 2)
            var textShape = TensorShape(tokens: 77, channels: network.textChannels)
            try lanes.plan(for: network.sample, text: textShape, unet: unet, merging: merging)
            let passes = lanes.passes(merging: merging)
            func values(_ count: Int, seed: Int) -> [Float] {
                (0..<count).map { Float(($0 * 37 + seed * 11) % 101) / 50 - 1 }
            }
            let latents = values(network.sample.elementCount, seed: 0)
            var sampleShape = network.sample
            sampleShape.batch = passes.halvesPerPass
            sample = try .make(
                sampleShape, Array(repeating: latents, count: passes.halvesPerPass).flatMap { $0 })
            guidance = try unet.configuration.timeConditionProjectionDimension.map {
                try .make(TensorShape(tokens: 1, channels: $0), values($0, seed: 3))
            }
            let halfTexts = (0..<2).map {
                values(textShape.elementCount, seed: network.hasEqualTexts ? 1 : $0 + 1)
            }
            textShape.batch = passes.halvesPerPass
            let lane = lanes.lanes.lanes[0]
            texts = try (0..<passes.passCount).map { [unet] pass in
                let own = passes.halvesPerPass == 2 ? halfTexts.flatMap { $0 } : halfTexts[pass]
                return try unet.prepare(text: try .make(textShape, own), lane: lane)
            }
            let outputShape = sampleShape.with(channels: unet.configuration.outputChannels)
            let outputs = try (0..<passes.passCount).map { _ in try Tensor.make(outputShape) }
            self.outputs = outputs
            halves = outputs.flatMap { output in
                (0..<passes.halvesPerPass).map { output.batch($0..<$0 + 1) }
            }
        }

        func call(_ index: Int) throws {
            try merging?.begin(callIndex: index)
            lanes.predict(
                unet, sample: sample, timestep: 981, guidance: guidance, texts: texts,
                merging: merging, outputs: outputs)
            merging?.end(uncond: halves[0], text: halves[1])
        }
    }

    func prepare(_ configuration: TokenMergeConfiguration?, calls: Int) throws -> Prepared {
        let run = try configuration.map { try merging($0, calls: calls) }
        return try Prepared(self, run?.mergesAnything == true ? run : nil)
    }

    /// Some calls of an image; the result of the last one.
    func run(
        _ configuration: TokenMergeConfiguration?, calls: Int
    ) throws -> (output: [Float], statistics: TokenMergeStatistics) {
        let prepared = try prepare(configuration, calls: calls)
        for index in 0..<calls { try prepared.call(index) }
        return (
            prepared.halves.flatMap(\.values),
            prepared.merging?.statistics ?? TokenMergeStatistics()
        )
    }
}
