// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
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

    func run() throws {
        let model = try ModelDirectory(path: try options.model.resolve().directory)
        let resolved = try options.compute.configuration.resolve()
        let backend = try resolved.makeBackend()
        let unet = try UNet2DConditionModel.load(from: model, backend: backend)
        let description = try ModelDescription(of: model)
        let side = (options.size ?? description.defaultWidth) / description.vaeScaleFactor
        let call = try UNetCalls(
            unet: unet, backend: backend, threadCount: resolved.threadCount, side: side,
            merging: merging.configuration, callCount: 2 * options.runs + 1)
        let times = try call.time(runs: options.runs)
        let work = Double(call.lanes.workPerCall.totalFLOPs) * 1e-9
        let plain = times.plain.isEmpty ? times.refreshing : times.plain
        let statistics = call.merging?.statistics
        try BenchRecord(
            command: "unet", precision: resolved.precision.rawValue,
            backend: resolved.backend.rawValue, kernelClass: backend.kernelClass,
            merge: merging.configuration.method,
            mergeRatio: call.merging?.merger.configuration.ratio,
            mergeLayers: call.merging.map {
                $0.merger.configuration.maximumDownsample == 1 ? "top" : "all"
            },
            secondsRefresh: times.refreshing.isEmpty ? nil : median(times.refreshing),
            tokensLeft: statistics.map {
                Double($0.tokenCountAfter) / Double(max($0.tokenCountBefore, 1))
            },
            size: side * description.vaeScaleFactor, threads: resolved.threadCount,
            secondsMedian: median(plain), secondsMin: plain.min() ?? 0, runs: options.runs,
            gigaFLOPs: work, gigaFLOPsPerSecond: work / median(plain),
            workspaceMiB: call.lanes.lanes.lanes.reduce(0) {
                $0 + $1.workspace.peakByteCount
            } >> 20,
            peakResidentMiB: SystemInfo.peakResidentByteCount >> 20
        ).printLine()
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
        merging configuration: TokenMergeConfiguration, callCount: Int
    ) throws {
        self.unet = unet
        lanes = try PlannedLanes(threadCount: threadCount, halves: 2)
        var sampleShape = TensorShape(
            height: side, width: side, channels: unet.configuration.inputChannels)
        var textShape = TensorShape(tokens: 77, channels: unet.textChannels ?? 768)
        let run = try TokenMergeRun(
            configuration, for: unet, sample: sampleShape, backend: backend, seed: 0,
            callCount: callCount, halves: 2)
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

    /// Seconds of calls, after one that is not counted.
    ///
    /// - Parameter runs: calls that reuse plans; as many that make them.
    func time(runs: Int) throws -> (plain: [Double], refreshing: [Double]) {
        try call(0)
        guard let merging else { return (try (0..<runs).map { _ in try call(0) }, []) }
        let isEveryCall = merging.merger.refreshes(at: 1)
        let plain = isEveryCall ? [] : try (0..<runs).map { try call($0 * merging.merger.period + 1) }
        return (plain, try (1...runs).map { try call($0 * merging.merger.period) })
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
