// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import Evaluation
internal import GenerationTypes
internal import StableDiffusion
internal import TensorKit
internal import TokenMerging

/// Times one U-Net call on both halves of a guided image.
struct BenchUNet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unet", abstract: "Times a U-Net call on both halves of a guided image.",
        discussion: """
            With --merge, seconds_median is of calls that reuse plans, and seconds_refresh of calls \
            that make them; a method that makes plans at every call has only the latter.
            """)

    @OptionGroup var options: BenchOptions
    @OptionGroup(title: "Token merging") var merging: MergeOptions

    @Flag(help: "Time calls without merging in between, and print the speed-up.")
    var sideBySide = false

    @Flag(
        help: """
            Print where the time goes, per kind of operation and size, beside what the cores can do \
            at most; direct convolutions are the measure of work, so that Winograd's may exceed it.
            """)
    var profile = false

    func run() throws {
        let model = try ModelDirectory(path: try options.model.resolve().directory)
        let resolved = try options.compute.configuration.resolve()
        let backend = try resolved.makeBackend()
        let unet = try UNet2DConditionModel.load(from: model, backend: backend)
        let description = try ModelDescription(of: model)
        let side = (options.size ?? description.defaultWidth) / description.vaeScaleFactor
        func calls(_ configuration: TokenMergeConfiguration) throws -> UNetCalls {
            try UNetCalls(
                unet: unet, backend: backend, threadCount: resolved.threadCount, side: side,
                merging: configuration)
        }
        let subject = try calls(merging.configuration)
        if profile { return try printProfile(subject, type: backend.activationType) }
        let whole = sideBySide ? try calls(.none) : nil
        var times = UNetCallTimes()
        for round in 0...options.runs {
            let plain = try subject.time(.reusingPlans, round: round)
            let refreshing = try subject.time(.makingPlans, round: round)
            let unmerged = try whole?.time(.reusingPlans, round: round)
            // The first round warms up.
            if round > 0 { times.add(plain: plain, refreshing: refreshing, unmerged: unmerged) }
        }
        var record = BenchRecord(
            command: "unet", precision: resolved.precision.rawValue,
            backend: resolved.backend.rawValue, kernelClass: backend.kernelClass,
            size: side * description.vaeScaleFactor, threads: resolved.threadCount,
            seconds: times.plain.isEmpty ? times.refreshing : times.plain,
            work: subject.lanes.workPerCall,
            workspaceByteCount: subject.lanes.lanes.lanes.reduce(0) {
                $0 + $1.workspace.peakByteCount
            })
        record.merge = merging.configuration.method
        if let run = subject.merging {
            let statistics = run.statistics
            record.mergeRatio = run.merger.configuration.ratio
            record.mergeLayers = run.merger.configuration.maximumDownsample == 1 ? "top" : "all"
            record.secondsRefresh = times.refreshing.median
            record.tokensLeft =
                Double(statistics.tokenCountAfter) / Double(max(statistics.tokenCountBefore, 1))
        }
        let overhead = try subject.merging.map {
            try MergeOverhead(
                $0, lanes: subject.lanes.lanes,
                elementType: resolved.precision == .bfloat16 ? .bfloat16 : .float32,
                runs: options.runs)
        }
        record.secondsPlans = overhead?.makingSeconds
        record.secondsApply = overhead?.applyingSeconds
        if let whole {
            record.secondsUnmerged = times.unmerged.median
            let period = subject.merging?.merger.period ?? 1
            record.mergeOverhead = overhead?.share(
                period: period, of: times.unmerged.median)
            record.speedUp = times.speedUp(period: period)
            record.speedUpOfFLOPs =
                Double(whole.lanes.workPerCall.totalFLOPs)
                / Double(subject.lanes.workPerCall.totalFLOPs)
        }
        try record.printLine()
    }

    /// A table instead of a record.
    private func printProfile(_ calls: UNetCalls, type: ElementType) throws {
        let lanes = calls.lanes.lanes
        let peak = PeakRate.measure(type, lanes: lanes)
        for round in 0...1 { _ = try calls.time(.reusingPlans, round: round) }
        for lane in lanes.lanes { lane.profile = OperationProfile() }
        let times = try (2..<2 + options.runs).compactMap {
            try calls.time(.reusingPlans, round: $0)
        }
        let table = ProfileTable(
            lanes.lanes.compactMap(\.profile), callCount: times.count,
            seconds: times.reduce(0, +), peak: peak)
        for line in table.lines { print(line) }
    }
}

/// What rounds of calls took, in seconds.
struct UNetCallTimes {
    private(set) var plain: [Double] = []
    private(set) var refreshing: [Double] = []
    private(set) var unmerged: [Double] = []

    mutating func add(plain: Double?, refreshing: Double?, unmerged: Double?) {
        if let plain { self.plain.append(plain) }
        if let refreshing { self.refreshing.append(refreshing) }
        if let unmerged { self.unmerged.append(unmerged) }
    }

    /// How much faster merged calls are, over a period of them: the median of all rounds, whose
    /// calls followed each other.
    func speedUp(period: Int) -> Double {
        unmerged.indices.map { round in
            let refresh = refreshing.isEmpty ? plain[round] : refreshing[round]
            let reuse = plain.isEmpty ? refresh : plain[round]
            return unmerged[round] * Double(period) / (refresh + Double(period - 1) * reuse)
        }.median
    }
}

/// Guided calls of a U-Net on noise.
struct UNetCalls {
    let lanes: PlannedLanes
    let merging: TokenMergeRun?
    private let unet: UNet2DConditionModel
    private let sample: Tensor
    private let texts: [PreparedText]
    private let outputs: [Tensor]

    init(
        unet: UNet2DConditionModel, backend: any ComputeBackend, threadCount: Int, side: Int,
        merging configuration: TokenMergeConfiguration
    ) throws {
        self.unet = unet
        lanes = try PlannedLanes(threadCount: threadCount, halves: 2)
        var sampleShape = TensorShape(
            height: side, width: side, channels: unet.configuration.inputChannels)
        var textShape = TensorShape(tokens: 77, channels: unet.textChannels ?? 768)
        let run = try TokenMergeRun(
            configuration, for: unet, sample: sampleShape, backend: backend, seed: 0,
            callCount: 1 << 20, halves: 2)
        merging = run.mergesAnything ? run : nil
        try lanes.plan(for: sampleShape, text: textShape, unet: unet, merging: merging)

        let passes = lanes.passes(merging: merging)
        sampleShape.batch = passes.halvesPerPass
        textShape.batch = passes.halvesPerPass
        var noise = TorchGenerator(seed: 0)
        sample = try noise.tensor(sampleShape)
        let lane = lanes.lanes.lanes[0]
        texts = try (0..<passes.passCount).map { _ in
            try unet.prepare(text: try noise.tensor(textShape), lane: lane)
        }
        let outputShape = sampleShape.with(channels: unet.configuration.outputChannels)
        outputs = try (0..<passes.passCount).map { _ in try noise.tensor(outputShape) }
    }

    /// Two kinds of calls.
    enum Kind { case makingPlans, reusingPlans }

    /// Seconds of a call; none where there are no such calls.
    ///
    /// - Parameter round: counts up from 0.
    func time(_ kind: Kind, round: Int) throws -> Double? {
        guard let merging else { return kind == .makingPlans ? nil : try call(0) }
        let merger = merging.merger
        switch kind {
        case .makingPlans: return try call(round * merger.period)
        case .reusingPlans:
            guard merger.period > 1 else { return nil }
            if round == 0 { try call(0) }
            return try call(max(round - 1, 0) * merger.period + 1)
        }
    }

    @discardableResult
    private func call(_ index: Int) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        try merging?.begin(callIndex: index)
        lanes.predict(
            unet, sample: sample, timestep: 981, texts: texts, merging: merging, outputs: outputs)
        return (clock.now - start).seconds
    }
}

extension TorchGenerator {
    /// A new f32 tensor of normal noise.
    mutating func tensor(_ shape: TensorShape) throws -> Tensor {
        let byteCount = shape.elementCount * MemoryLayout<Float>.stride
        let tensor = Tensor(
            storage: try TensorStorage(byteCount: byteCount + 256), shape: shape,
            elementType: .float32)
        fillNormal(UnsafeMutableBufferPointer(start: tensor.floats, count: shape.elementCount))
        return tensor
    }
}
