// SPDX-License-Identifier: Apache-2.0

import Evaluation
import GenerationTypes
import StableDiffusion
import TensorKit
import TokenMerging

/// The time of one call.
struct UNetCallTime {
    /// Total.
    var seconds: Double
    /// Part of it spent on merging itself: choosing, merging, unmerging, and waiting for plans.
    var mergingSeconds = 0.0
}

/// The times of rounds of calls.
struct UNetCallTimes {
    private(set) var plain: [UNetCallTime] = []
    private(set) var refreshing: [UNetCallTime] = []
    private(set) var unmerged: [UNetCallTime] = []

    mutating func add(plain: UNetCallTime?, refreshing: UNetCallTime?, unmerged: UNetCallTime?) {
        if let plain { self.plain.append(plain) }
        if let refreshing { self.refreshing.append(refreshing) }
        if let unmerged { self.unmerged.append(unmerged) }
    }

    /// Speed-up of merged calls, over a period of them: the median of all rounds, whose calls
    /// followed each other.
    func speedUp(period: Int) -> Double {
        unmerged.indices.map { round in
            unmerged[round].seconds / mean(\.seconds, round: round, period: period)
        }.median
    }

    /// The share of an unmerged call spent on merging, over a period of calls: likewise.
    func overhead(period: Int) -> Double {
        unmerged.indices.map { round in
            mean(\.mergingSeconds, round: round, period: period) / unmerged[round].seconds
        }.median
    }

    /// The mean over a period of one round: one call that makes plans, the others reuse them.
    private func mean(
        _ value: (UNetCallTime) -> Double, round: Int, period: Int
    ) -> Double {
        let refresh = value(refreshing.isEmpty ? plain[round] : refreshing[round])
        let reuse = plain.isEmpty ? refresh : value(plain[round])
        return (refresh + Double(period - 1) * reuse) / Double(period)
    }
}

/// Guided calls of a U-Net on noise.
struct UNetCalls {
    let lanes: PlannedLanes
    let merging: TokenMergeRun?
    private let unet: UNet2DConditionModel
    private let sample: Tensor
    private let conditioning: [UNetConditioning]
    private let outputs: [Tensor]
    /// The outputs by half: unconditional, text.
    private let halves: [Tensor]
    private let times = TokenMergeTimes()
    /// Calls before the timed ones: some methods begin differently.
    private let firstCall: Int

    init(
        unet: UNet2DConditionModel, backend: any ComputeBackend, threadCount: Int, side: Int,
        merging configuration: TokenMergeConfiguration
    ) throws {
        self.unet = unet
        lanes = try PlannedLanes(
            threadCount: threadCount, halves: 2, instructionSet: backend.instructionSet)
        var sampleShape = TensorShape(
            height: side, width: side, channels: unet.configuration.inputChannels)
        var textShape = TensorShape(tokens: 77, channels: unet.textChannels ?? 768)
        let run = try TokenMergeRun(
            configuration, for: unet, sample: sampleShape, backend: backend, seed: 0, halves: 2)
        run.times = times
        merging = run.mergesAnything ? run : nil
        firstCall = run.merger.needsImportance ? configuration.importanceWarmupCallCount : 0
        try lanes.plan(for: sampleShape, text: textShape, unet: unet, merging: merging)

        let passes = lanes.passes(merging: merging)
        sampleShape.batch = passes.halvesPerPass
        textShape.batch = passes.halvesPerPass
        var noise = TorchGenerator(seed: 0)
        sample = try noise.tensor(sampleShape)
        let lane = lanes.lanes.lanes[0]
        conditioning = try (0..<passes.passCount).map { _ in
            try unet.prepare(text: try noise.tensor(textShape), lane: lane)
        }
        let outputShape = sampleShape.with(channels: unet.configuration.outputChannels)
        let outputs = try (0..<passes.passCount).map { _ in try noise.tensor(outputShape) }
        self.outputs = outputs
        halves = outputs.flatMap { output in
            (0..<passes.halvesPerPass).map { output.batch($0..<$0 + 1) }
        }
    }

    /// Two kinds of calls.
    enum Kind { case makingPlans, reusingPlans }

    /// Makes a call and times it; `nil` if there are no such calls.
    ///
    /// - Parameter round: counts up from 0.
    func time(_ kind: Kind, round: Int) -> UNetCallTime? {
        guard let merging else { return kind == .makingPlans ? nil : call(0) }
        let period = merging.merger.period
        switch kind {
        case .makingPlans: return call((firstCall + round) * period)
        case .reusingPlans:
            guard period > 1 else { return nil }
            if round == 0 { call(firstCall * period) }
            return call((firstCall + max(round - 1, 0)) * period + 1)
        }
    }

    /// One call as an image makes it.
    @discardableResult
    private func call(_ index: Int) -> UNetCallTime {
        times.reset()
        let clock = ContinuousClock()
        let start = clock.now
        merging?.begin(callIndex: index)
        lanes.predict(
            unet, sample: sample, timestep: 981, conditioning: conditioning, merging: merging,
            outputs: outputs)
        merging?.end(uncond: halves[0], text: halves[1])
        // Lanes run in parallel: a call spends on merging their average.
        return UNetCallTime(
            seconds: (clock.now - start).seconds,
            mergingSeconds: times.total / Double(min(lanes.lanes.lanes.count, halves.count)))
    }
}

extension TorchGenerator {
    /// A new f32 tensor of normal noise.
    mutating func tensor(_ shape: TensorShape) throws -> Tensor {
        let tensor = try Tensor(allocating: shape)
        fillNormal(UnsafeMutableBufferPointer(start: tensor.floats, count: shape.elementCount))
        return tensor
    }
}
