// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Pictures decoded band by band, with and without keeping feature maps: the same pictures.
@Suite struct BandedDecodingTests {
    /// Relative L2 to the picture decoded whole; norms sum in a different order.
    static let bound = 2e-6
    /// Small maps in many bands: two lines each, a few, and bands of unequal height.
    static let bandByteCounts = [1, 5_000, 40_000]

    @Test(arguments: ["tiny", "tiny2"], Machine.float32)
    func bandsMakeTheWholePicture(_ model: String, _ machine: Machine) throws {
        let subject = try VAESubject(model, machine)
        for name in subject.cases {
            let whole = try subject.decode(name, plan: .inOnePiece)
            for byteCount in Self.bandByteCounts {
                for count in 0...subject.vae.levelCount {
                    let plan = DecodingPlan(bandByteCount: byteCount, recomputedLevelCount: count)
                    let image = try subject.decode(name, plan: plan)
                    #expect(relativeL2(image, whole) <= Self.bound, "\(name), \(plan)")
                }
            }
            #expect(relativeL2(whole, try subject.expected(name)) <= VAEParityTests.bound)
        }
    }

    /// Whether maps are kept affects only memory and time, if our own convolutions run.
    @Test(arguments: [Machine.float32.last, Machine.bfloat16.last].compactMap { $0 })
    func keptAndRecomputedMapsGiveTheSameBits(_ machine: Machine) throws {
        for model in ["tiny", "tiny2"] {
            let subject = try VAESubject(model, machine)
            let plans = (0..<subject.vae.levelCount).map {
                DecodingPlan(bandByteCount: 5_000, recomputedLevelCount: $0)
            }
            let images = try plans.map { try subject.decode("large", plan: $0) }
            for (plan, image) in zip(plans, images) { #expect(image == images[0], "\(plan)") }
        }
    }

    /// The same where convolutions handle four lines together, as a trained decoder's do; the height
    /// is no multiple of them.
    @Test(arguments: [Machine.float32.last, Machine.bfloat16.last].compactMap { $0 })
    func largeTilesDoNotDependOnBands(_ machine: Machine) throws {
        let model = try ModelDirectory(path: try EmbeddedModel.directory())
        let vae = try AutoencoderKL.load(from: model, backend: try machine.makeBackend())
        var noise = ImageNoise(seed: 5)
        let shape = TensorShape(height: 7, width: 9, channels: vae.latentChannels)
        let latents = try Tensor.make(
            shape,
            noise.initialLatents(
                channels: shape.channels, height: shape.height, width: shape.width, scale: 1))
        func image(_ plan: DecodingPlan) throws -> [Float] {
            let image = try Tensor.make(vae.outputShape(for: shape))
            try machine.makeLane(threadCount: 2).run { lane in
                vae.decode(latents, into: image, plan: plan, lane: lane, observer: nil)
            }
            return image.values
        }
        for byteCount in Self.bandByteCounts + [300_000] {
            let images = try (0..<vae.levelCount).map {
                try image(DecodingPlan(bandByteCount: byteCount, recomputedLevelCount: $0))
            }
            #expect(images.allSatisfy { $0 == images[0] }, "\(byteCount)")
            let whole = try image(.inOnePiece)
            let bound = machine.precision == .float32 ? Self.bound : 2e-2
            #expect(relativeL2(images[0], whole) <= bound)
        }
    }

    /// Two maps of the finest level and little else, less with every level that is not kept.
    @Test func memoryIsThatOfTwoMaps() throws {
        let subject = try VAESubject("tiny", .standard)
        let channels = subject.vae.configuration.blockOutputChannels
        let (side, band) = (128, 2 << 20)
        let pixels = side * subject.vae.configuration.scaleFactor
        let maps = pixels * pixels * (channels[1] + channels[0]) * 4
        let counts = try (0..<subject.vae.levelCount).map {
            try subject.workspaceByteCount(
                height: side, width: side,
                plan: DecodingPlan(bandByteCount: band, recomputedLevelCount: $0))
        }
        #expect((maps..<maps / 10 * 11).contains(counts[0]), "\(counts), \(maps)")
        #expect(counts[1] < counts[0] / 10 * 7, "\(counts)")
        #expect(counts[2] < counts[1], "\(counts)")
    }

    /// Bands cover a map once, top to bottom, and begin at multiples of four lines.
    @Test(arguments: [1, 2, 3, 7, 64, 1000], [1, 4096, 100_000, 1 << 30])
    func bandsCoverAMap(height: Int, byteCount: Int) {
        let shape = TensorShape(height: height, width: 9, channels: 32)
        let bands = DecodingPlan(bandByteCount: byteCount).bands(of: shape)
        #expect(bands.flatMap { Array($0) } == Array(0..<height))
        #expect(bands.allSatisfy { $0.lowerBound % 4 == 0 })
        #expect(bands.dropLast().allSatisfy { $0.count % 4 == 0 && $0.count == bands[0].count })
        let most = max(byteCount / (9 * 32 * 4), 4) + 3
        #expect(bands.allSatisfy { $0.count <= most })
    }

    /// With less memory the decoder keeps fewer maps and returns the same bytes; with too little it
    /// throws.
    @Test func lessMemoryGivesTheSameBytes() throws {
        let model = try ModelDirectory(path: try modelPath("tiny"))
        let compute = ComputeConfiguration(
            backend: .onednn, precision: .float32, threadCount: 2)
        // Large enough for maps to need more memory than bands.
        let (height, width) = (128, 144)
        var noise = ImageNoise(seed: 3)
        let latents = GeneratedLatents(
            channels: 4, height: height, width: width,
            values: noise.initialLatents(channels: 4, height: height, width: width, scale: 1))
        let whole = try LatentDecoder(model: model, compute: compute)
        let expected = try whole.decode(latents).bytes
        let most = whole.workspaceByteCount
        let thrifty = try LatentDecoder(model: model, compute: compute, byteCountMax: most - 1)
        #expect(try thrifty.decode(latents).bytes == expected)
        #expect(thrifty.workspaceByteCount < most)
        #expect(thrifty.workPerPicture.totalFLOPs > whole.workPerPicture.totalFLOPs)
        let poor = try LatentDecoder(model: model, compute: compute, byteCountMax: most / 10)
        #expect(throws: TensorStorageError.self) { try poor.decode(latents) }
    }

    /// Latents whose decoding gives NaN or infinities are an error that names the decoder.
    @Test(arguments: [Float.nan, .infinity, 3e38])
    func latentsOutOfRangeMakeNoPicture(_ value: Float) throws {
        let decoder = try LatentDecoder(
            model: try ModelDirectory(path: try EmbeddedModel.directory()),
            compute: ComputeConfiguration(
                backend: .onednn, precision: .float32, threadCount: 1))
        var values = [Float](repeating: 0.1, count: 4 * 8 * 8)
        values[77] = value
        let latents = GeneratedLatents(channels: 4, height: 8, width: 8, values: values)
        let error = #expect(throws: NonFinitePictureError.self) { try decoder.decode(latents) }
        #expect("\(try #require(error))".contains("VAE's decoder"))
    }
}
