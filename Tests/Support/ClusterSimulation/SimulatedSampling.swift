// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TestSupport
import WireProtocol

/// A generator whose every step depends on all before it, on the image and on the kernels.
///
/// Like a sampler with history: a step needs the latents and what the step before left. It takes
/// any checkpoint that is whole, so that one of another image, or of other kernels, gives wrong
/// latents.
struct SimulatedSampling {
    private let key: UInt64
    let stepCount: Int
    private(set) var step = 0
    private var latents: UInt64
    private var history: UInt64 = 0

    init(_ request: GenerationRequest, kernelClass: String) {
        var random = SplitMix64(seed: request.seed)
        for byte in (request.prompt + kernelClass).utf8 { random.state ^= UInt64(byte) << 32 }
        key = random.next()
        latents = key
        stepCount = request.inferenceStepCount
    }

    mutating func next() {
        step += 1
        var random = SplitMix64(seed: latents ^ history &* 3 ^ key &+ UInt64(step))
        (history, latents) = (latents, random.next())
    }

    /// What an honest worker makes of a request.
    static func result(of request: GenerationRequest, kernelClass: String) -> GeneratedLatents {
        var sampling = SimulatedSampling(request, kernelClass: kernelClass)
        while sampling.step < sampling.stepCount { sampling.next() }
        return sampling.result
    }

    /// Small numbers that stand for the state.
    var result: GeneratedLatents {
        GeneratedLatents(
            channels: 4, height: 1, width: 1,
            values: (0..<4).map { Float(latents >> (16 * UInt64($0)) & 0xFFFF) })
    }

    /// A picture that no other latents give.
    static func picture(of latents: GeneratedLatents) -> WorkerPicture {
        let pixels = latents.sha256.prefix(32) + latents.sha256.prefix(32)
        return WorkerPicture(
            image: RGBImage(
                width: 8, height: 8, bytes: Array((pixels + pixels + pixels).prefix(192))),
            kernelClass: "a", seconds: 1)
    }

    var checkpoint: [UInt8] {
        var writer = WordWriter()
        writer.write(step)
        writer.write(latents)
        writer.write(history)
        return writer.finish()
    }

    /// Whether a poisonous image ends its worker at this step.
    func isPoisonous(_ item: Int) -> Bool { step >= min(stepCount, 1 + item % 3) }

    /// The same bytes with a digest that fits: what a reader that does not check it gets.
    static func mended(_ checkpoint: [UInt8]) -> [UInt8] {
        var writer = WordWriter()
        writer.write(
            stride(from: 0, to: checkpoint.count - 8, by: 4).map { start in
                checkpoint[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            })
        return writer.finish()
    }

    mutating func restore(_ checkpoint: [UInt8], forgets: Bool) throws(SavedStateError) {
        var reader = try WordReader(checkpoint)
        step = Int(try reader.read())
        latents = try reader.readWide()
        history = try reader.readWide()
        if forgets { history = 0 }
        // Of another image, perhaps.
        step = min(step, stepCount - 1)
    }
}
