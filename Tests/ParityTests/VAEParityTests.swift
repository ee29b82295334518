// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Decoded pictures against diffusers in f32 on the same weights.
@Suite struct VAEParityTests {
    /// Relative L2 of a picture in f32; the difference is the order of sums.
    static let bound = 1e-4
    /// Least PSNR of a picture in f32, dB.
    static let signalToNoise = 50.0
    /// Least PSNR of a picture in bf16, dB: worse than this would be seen.
    static let bfloat16SignalToNoise = 30.0

    static let models = ["tiny", "tiny2", "postcards"]

    @Test(arguments: models, Machine.float32)
    func float32(_ model: String, _ machine: Machine) throws {
        try check(model, machine) { found, expected, layers in
            let error = relativeL2(found, expected)
            #expect(error <= Self.bound, "\(layers.firstDifference ?? "the last layer differs")")
            #expect(peakSignalToNoise(found, expected) >= Self.signalToNoise)
        }
    }

    @Test(arguments: models, Machine.bfloat16)
    func bfloat16(_ model: String, _ machine: Machine) throws {
        try check(model, machine) { found, expected, layers in
            #expect(
                peakSignalToNoise(found, expected) >= Self.bfloat16SignalToNoise,
                "\(layers.firstDifference ?? "")")
        }
    }

    /// A picture in tiles equals diffusers' after `enable_tiling()`.
    @Test(arguments: ["tiny", "tiny2"], Machine.float32)
    func tiled(_ model: String, _ machine: Machine) throws {
        let vae = try load(model, machine)
        let goldens = try Goldens(model)
        let (latents, shape) = try latents(goldens, "tiled")
        #expect(vae.usesTiles(for: shape, tiling: .always))
        let image = try decode(vae, latents, tiling: .always, machine)
        let expected = try goldens.channelsLast("vae.tiled.image").values
        #expect(relativeL2(image.values, expected) <= Self.bound)
        let plain = try decode(vae, latents, tiling: .never, machine)
        #expect(relativeL2(plain.values, expected) > Self.bound, "tiles change nothing")
    }

    /// A batch in tiles is its items in tiles; a small picture is no tile.
    @Test func tilingOfBatchesAndSmallPictures() throws {
        let machine = Machine.standard
        let vae = try load("tiny", machine)
        let goldens = try Goldens("tiny")
        let (small, shape) = try latents(goldens, "odd")
        #expect(shape.batch == 2)
        #expect(!vae.usesTiles(for: shape, tiling: .always))
        #expect(!vae.usesTiles(for: shape, tiling: .automatic))
        #expect(vae.usesTiles(for: shape.with(height: 4096, width: 512), tiling: .automatic))
        #expect(!vae.usesTiles(for: shape.with(height: 4096, width: 512), tiling: .never))
        let (single, _) = try latents(goldens, "tiled")
        let both = try Tensor.make(
            TensorShape(
                batch: 2, height: single.shape.height, width: single.shape.width, channels: 4),
            single.values + single.values)
        let one = try decode(vae, single, tiling: .always, machine).values
        #expect(try decode(vae, both, tiling: .always, machine).values == one + one)
        #expect(
            try decode(vae, small, tiling: .always, machine).values
                == decode(vae, small, tiling: .never, machine).values)
    }

    /// Bytes of a picture as `VaeImageProcessor` rounds them, outside of −1…1 too.
    @Test(arguments: models)
    func pixels(_ model: String) throws {
        let goldens = try Goldens(model)
        let (values, shape) = try goldens.channelsLast("vae.plain.image")
        let image = try Tensor.make(
            TensorShape(height: shape[1], width: shape[2], channels: 3), values.map { $0 * 1.5 })
        #expect(pictureBytes(image) == (try goldens.bytes("vae.plain.pixels")))
    }

    @Test func pixelsOfOddValues() throws {
        let values: [Float] = [.nan, .infinity, -.infinity, 0, -1, 1]
        let image = try Tensor.make(TensorShape(height: 1, width: 2, channels: 3), values)
        #expect(pictureBytes(image) == [0, 255, 0, 128, 0, 255])
    }

    private func load(_ model: String, _ machine: Machine) throws -> AutoencoderKL {
        try AutoencoderKL.load(
            from: try ModelDirectory(path: try modelPath(model)),
            backend: try machine.makeBackend())
    }

    private func latents(
        _ goldens: Goldens, _ name: String
    ) throws -> (tensor: Tensor, shape: TensorShape) {
        let (values, lengths) = try goldens.channelsLast("vae.\(name).latents")
        let shape = TensorShape(
            batch: lengths[0], height: lengths[1], width: lengths[2], channels: lengths[3])
        return (try .make(shape, values), shape)
    }

    private func decode(
        _ vae: AutoencoderKL, _ latents: Tensor, tiling: AutoencoderKL.Tiling, _ machine: Machine,
        observer: ActivationObserver? = nil
    ) throws -> Tensor {
        let image = try Tensor.make(vae.outputShape(for: latents.shape))
        try machine.makeLane().run { lane in
            vae.decode(latents, into: image, tiling: tiling, lane: lane, observer: observer)
        }
        return image
    }

    private func check(
        _ model: String, _ machine: Machine,
        _ compare: ([Float], [Float], LayerComparison) throws -> Void
    ) throws {
        let goldens = try Goldens(model)
        let vae = try load(model, machine)
        for name in ["plain", "odd"] where goldens.contains("vae.\(name).image") {
            let layers = LayerComparison(
                try goldens.layers("vae.\(name).layer."), bound: Self.bound)
            let image = try decode(
                vae, try latents(goldens, name).tensor, tiling: .never, machine,
                observer: layers.check)
            try compare(
                image.values, try goldens.channelsLast("vae.\(name).image").values, layers)
            #expect(layers.unseen == [])
        }
    }
}
