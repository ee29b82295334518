// SPDX-License-Identifier: Apache-2.0

import Foundation
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// The directories that the environment names.
enum FullSizeModels {
    static let paths = (ProcessInfo.processInfo.environment["RETOM_FULL_MODELS"] ?? "")
        .split(separator: ":").map(String.init)
}

/// Models of full size, only when `RETOM_FULL_MODELS` names directories.
///
/// `scripts/goldens/full_size.py` puts their goldens beside them. They also report the cost of
/// calls.
@Suite(.serialized, .enabled(if: !FullSizeModels.paths.isEmpty))
struct FullSizeTests {
    static let machines = [Machine.float32.last, Machine.bfloat16.last].compactMap { $0 }

    @Test(arguments: FullSizeModels.paths, machines)
    func parity(_ path: String, _ machine: Machine) throws {
        let isFloat = machine.precision == .float32
        let goldens = try Goldens(path: "\(path)/goldens.safetensors")
        let model = try ModelDirectory(path: path)
        let backend = try machine.makeBackend()
        let lane = try machine.makeLane(threadCount: 2)

        let encoder = try CLIPTextModel.load(from: model, backend: backend)
        let tokens = try goldens.tokens("text.tokens")
        let states = try Tensor.make(encoder.outputShape(tokenCount: tokens.count))
        try lane.run { try encoder.forward(sequences: [tokens], into: [states], lane: $0) }
        let textError = relativeL2(states.values, try goldens.floats("text.output"))
        print("\(path) \(machine.testDescription) text encoder: \(textError)")
        #expect(textError <= (isFloat ? 1e-5 : TextEncoderParityTests.bfloat16Bound))

        let unet = try UNet2DConditionModel.load(from: model, backend: backend)
        for name in ["t981", "t1", "odd"] {
            let call = try UNetCall(goldens, name, unet: unet)
            let error = relativeL2(try call.run(unet, lane: lane), call.expected)
            print("\(path) \(machine.testDescription) unet \(name): \(error)")
            #expect(error <= (isFloat ? UNetParityTests.bound : UNetParityTests.bfloat16Bound))
        }
    }

    /// Pictures of 256×256 and 1024×1024; in one piece, and within 2.5 GB with the weights.
    @Test(arguments: FullSizeModels.paths, machines)
    func pictures(_ path: String, _ machine: Machine) throws {
        let isFloat = machine.precision == .float32
        let goldens = try Goldens(path: "\(path)/goldens.safetensors")
        let lane = try machine.makeLane(threadCount: 2)
        let vae = try AutoencoderKL.load(
            from: try ModelDirectory(path: path), backend: try machine.makeBackend())
        for name in ["plain", "large"] {
            let (values, shape) = try goldens.channelsLast("vae.\(name).latents")
            let latents = try Tensor.make(
                TensorShape(height: shape[1], width: shape[2], channels: shape[3]), values)
            let image = try Tensor.make(vae.outputShape(for: latents.shape))
            let plan = DecodingPlan(threadCount: 2)
            try lane.run { vae.decode(latents, into: image, plan: plan, lane: $0) }
            let expected = try goldens.channelsLast("vae.\(name).image").values
            let quality = peakSignalToNoise(image.values, expected)
            let byteCount = lane.workspace.peakByteCount
            print(
                "\(path) \(machine.testDescription) vae \(name): "
                    + "\(relativeL2(image.values, expected)), \(quality) dB, "
                    + "workspace \(byteCount >> 20) MiB, \(Self.cost())")
            #expect(quality >= (isFloat ? 85 : VAEParityTests.bfloat16SignalToNoise))
            #expect(byteCount <= 2_000_000_000)
        }
    }

    /// Seconds per U-Net call at 512×512, the two halves in two lanes of one thread each.
    @Test(arguments: FullSizeModels.paths, machines)
    func cost(_ path: String, _ machine: Machine) throws {
        let clock = ContinuousClock()
        let start = clock.now
        let unet = try UNet2DConditionModel.load(
            from: try ModelDirectory(path: path), backend: try machine.makeBackend())
        print("\(path) \(machine.testDescription) load: \(clock.now - start), \(Self.cost())")
        let shape = TensorShape(height: 64, width: 64, channels: 4)
        let kernels = try machine.makeLane().kernels
        let lanes = try ComputeLanes(
            split: LaneSplit(threadCount: 2, halves: 2), kernels: kernels)
        let textShape = TensorShape(tokens: 77, channels: try #require(unet.textChannels))
        let values = (0..<shape.elementCount).map { Float(($0 * 37) % 101) / 50 - 1 }
        let textValues = (0..<textShape.elementCount).map { Float(($0 * 31) % 103) / 50 - 1 }
        let samples = try lanes.lanes.map { _ in try Tensor.make(shape, values) }
        let texts = try lanes.lanes.map { _ in try Tensor.make(textShape, textValues) }
        let outputs = try lanes.lanes.map { _ in try Tensor.make(shape) }
        func call() {
            lanes.run { lane, index in
                guard let conditioning = try? unet.prepare(text: texts[index], lane: lane) else {
                    return
                }
                unet.forward(
                    samples[index], timestep: 981, conditioning: conditioning, into: outputs[index],
                    lane: lane)
            }
        }
        call()
        try lanes.finishDryRuns()
        let times = (0..<4).map { _ in clock.measure(call) }
        #expect(outputs[0].values == outputs[1].values)
        print(
            "\(path) \(machine.testDescription) calls: \(times), workspace "
                + "\(lanes.lanes[0].workspace.peakByteCount >> 20) MiB, \(Self.cost())")
    }

    /// Processor seconds so far, which other programs disturb less than wall-clock time, and
    /// current and peak resident memory.
    private static func cost() -> String {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        let seconds = Double(time.tv_sec) + Double(time.tv_nsec / 10_000_000) / 100
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        return status.split(separator: "\n").filter {
            $0.hasPrefix("VmRSS") || $0.hasPrefix("VmHWM") || $0.hasPrefix("RssAnon")
        }.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            .joined(separator: ", ") + ", processor \(seconds) s"
    }
}
