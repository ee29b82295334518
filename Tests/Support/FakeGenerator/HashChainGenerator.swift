// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import Worker

/// A generator whose latents are a hash chain over request and step: equal requests give equal
/// latents anywhere, different ones never do, and it takes no time.
package struct HashChainGenerator: LatentGenerating {
    /// Called before a step is computed; may wait or throw.
    package var beforeStep: @Sendable (GenerationRequest, _ step: Int) throws -> Void = { _, _ in }
    /// Corrupts the latents from this step on.
    package var notANumberFromStep: Int?
    /// Simulates a machine that computes something else.
    package var salt: UInt64 = 0
    /// Writes unreadable checkpoints.
    package var spoilsCheckpoints = false
    /// Requires a newer build for requests with this seed.
    package var newSeed: UInt64?
    /// Has no memory for a VAE.
    package var refusesPictures = false

    /// Honest, and as fast as possible, by default.
    package init(
        beforeStep: @escaping @Sendable (GenerationRequest, _ step: Int) throws -> Void = { _, _ in
        }, notANumberFromStep: Int? = nil, salt: UInt64 = 0, spoilsCheckpoints: Bool = false,
        refusesPictures: Bool = false
    ) {
        self.beforeStep = beforeStep
        self.notANumberFromStep = notANumberFromStep
        self.salt = salt
        self.spoilsCheckpoints = spoilsCheckpoints
        self.refusesPictures = refusesPictures
    }

    package func beginRun(
        for request: GenerationRequest, from checkpoint: [UInt8]?
    ) throws -> any LatentRun {
        try request.validate()
        if request.seed == newSeed { throw NotUnderstoodError("merge method next") }
        guard request.width.isMultiple(of: 64) else { throw SizeError(width: request.width) }
        let run = HashChainRun(generator: self, request: request)
        if let checkpoint { try run.restore(checkpoint) }
        return run
    }

    /// A picture of a single colour that depends on the latents.
    package func picture(of latents: GeneratedLatents) throws -> WorkerPicture {
        if refusesPictures { throw RetryableGenerationError("no memory for the VAE") }
        let (width, height) = (latents.width * 8, latents.height * 8)
        let colour = UInt8(truncatingIfNeeded: Int(latents.values[0] * 100))
        return WorkerPicture(
            image: RGBImage(
                width: width, height: height,
                bytes: [UInt8](repeating: colour, count: 3 * width * height)),
            kernelClass: "hash", seconds: 0.5)
    }

    /// The latents that any honest worker returns.
    package static func latents(for request: GenerationRequest) throws -> GeneratedLatents {
        let run = try HashChainGenerator().beginRun(for: request, from: nil)
        while try run.next(estimates: false) != nil {}
        return try run.latents()
    }
}

/// A size that no model of this kind can generate.
package struct SizeError: Error, CustomStringConvertible {
    /// Pixels.
    package var width: Int

    /// Makes an error.
    package init(width: Int) { self.width = width }

    /// For people.
    package var description: String { "a width of \(width) is not a multiple of 64; try 256" }
}

package final class HashChainRun: LatentRun {
    private let generator: HashChainGenerator
    private let request: GenerationRequest
    private var state: UInt64
    private var step = 0
    package private(set) var resumedStep = 0
    /// The chain so far.
    package private(set) var estimate: GeneratedLatents?

    package let textEncodingSeconds = 0.25
    package var mergeStatistics: TokenMergeStatistics {
        var statistics = TokenMergeStatistics()
        statistics.computedPlanCount = step
        return statistics
    }
    package var stepCount: Int { request.inferenceStepCount }

    init(generator: HashChainGenerator, request: GenerationRequest) {
        self.generator = generator
        self.request = request
        state = generator.salt
        for byte in "\(request)".utf8 { mix(UInt64(byte)) }
    }

    package func next(estimates: Bool) throws -> Int? {
        estimate = nil
        guard step < stepCount else { return nil }
        try generator.beforeStep(request, step + 1)
        step += 1
        mix(UInt64(step))
        if let bad = generator.notANumberFromStep, step >= bad {
            throw NonFiniteLatentsFailure(
                "the latents are not finite after step \(step) of \(stepCount)")
        }
        if estimates { estimate = try latents() }
        return step
    }

    /// The step, and the chain so far.
    package func checkpoint() -> [UInt8] {
        var writer = WordWriter()
        writer.write(step)
        writer.write(state)
        var bytes = writer.finish()
        if generator.spoilsCheckpoints { bytes[0] ^= 1 }
        return bytes
    }

    func restore(_ checkpoint: [UInt8]) throws {
        do {
            var reader = try WordReader(checkpoint)
            step = try reader.read(in: 1...stepCount)
            state = try reader.readWide()
            resumedStep = step
        } catch { throw UnusableCheckpointError(error.description) }
    }

    package func latents() throws -> GeneratedLatents {
        let (height, width) = (request.height / 8, request.width / 8)
        let values = (0..<(4 * height * width)).map { index in
            Float(Int32(truncatingIfNeeded: (state &+ UInt64(index)) &* 0x9E37_79B9_7F4A_7C15))
                / 1e9
        }
        return GeneratedLatents(channels: 4, height: height, width: width, values: values)
    }

    private func mix(_ value: UInt64) {
        state = (state ^ value) &* 0x100_0000_01B3
        state ^= state >> 29
    }
}
