// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import StableDiffusion
internal import TensorKit

/// Times one U-Net call on both halves of a guided image.
struct BenchUNet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unet", abstract: "Times a U-Net call on both halves of a guided image.")

    @OptionGroup var options: BenchOptions

    func run() throws {
        let model = try ModelDirectory(path: try options.model.resolve().directory)
        let resolved = try options.compute.configuration.resolve()
        let backend = try resolved.makeBackend()
        let unet = try UNet2DConditionModel.load(from: model, backend: backend)
        let description = try ModelDescription(of: model)
        let side = (options.size ?? description.defaultWidth) / description.vaeScaleFactor

        let lanes = try PlannedLanes(threadCount: resolved.threadCount, halves: 2)
        let sampleShape = TensorShape(
            height: side, width: side, channels: unet.configuration.inputChannels)
        let textShape = TensorShape(tokens: 77, channels: unet.textChannels ?? 768)
        try lanes.plan(for: sampleShape, text: textShape, unet: unet)

        var noise = TorchGenerator(seed: 0)
        let sample = try noise.tensor(sampleShape)
        let lane = lanes.lanes.lanes[0]
        let texts = try (0..<2).map { _ in
            try unet.prepare(text: try noise.tensor(textShape), lane: lane)
        }
        let outputShape = sampleShape.with(channels: unet.configuration.outputChannels)
        let outputs = try (0..<2).map { _ in try noise.tensor(outputShape) }
        let times = options.time {
            lanes.predict(unet, sample: sample, timestep: 981, texts: texts, outputs: outputs)
        }
        let work = Double(2 * lanes.workPerPass.totalFLOPs) * 1e-9
        try BenchRecord(
            command: "unet", precision: resolved.precision.rawValue,
            backend: resolved.backend.rawValue, kernelClass: backend.kernelClass, merge: "none",
            size: side * description.vaeScaleFactor, threads: resolved.threadCount,
            secondsMedian: median(times), secondsMin: times.min() ?? 0, runs: options.runs,
            gigaFLOPs: work, gigaFLOPsPerSecond: work / median(times),
            workspaceMiB: lanes.lanes.lanes.reduce(0) { $0 + $1.workspace.peakByteCount } >> 20,
            peakResidentMiB: SystemInfo.peakResidentByteCount >> 20
        ).printLine()
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
