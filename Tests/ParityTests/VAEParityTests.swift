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
    /// Least PSNR of a picture in bf16, dB: anything worse would be visible.
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

    /// Bytes of a picture as rounded by `VaeImageProcessor`, including values outside −1…1.
    @Test(arguments: models)
    func pixels(_ model: String) throws {
        let goldens = try Goldens(model)
        let (values, shape) = try goldens.channelsLast("vae.plain.image")
        let image = try Tensor.make(
            TensorShape(height: shape[1], width: shape[2], channels: 3), values.map { $0 * 1.5 })
        #expect(try pictureBytes(image) == (try goldens.bytes("vae.plain.pixels")))
    }

    /// Any value that is not finite fails the picture; the largest finite ones are clamped.
    @Test func pixelsOfOddValues() throws {
        let shape = TensorShape(height: 1, width: 2, channels: 3)
        let most = Float.greatestFiniteMagnitude
        let image = try Tensor.make(shape, [-most, most, -2, 0, -1, 1])
        #expect(try pictureBytes(image) == [0, 255, 0, 128, 0, 255])
        for value in [Float.nan, .infinity, -.infinity] {
            for index in 0..<shape.elementCount {
                image.floats[index] = value
                #expect(throws: NonFinitePictureError()) { try pictureBytes(image) }
                image.floats[index] = 0
            }
        }
    }

    private func check(
        _ model: String, _ machine: Machine,
        _ compare: ([Float], [Float], LayerComparison) throws -> Void
    ) throws {
        let subject = try VAESubject(model, machine)
        for name in subject.cases {
            let layers = LayerComparison(
                try subject.goldens.layers("vae.\(name).layer."), bound: Self.bound)
            let image = try subject.decode(name, plan: .inOnePiece, observer: layers.check)
            try compare(image, try subject.expected(name), layers)
            #expect(layers.unseen == [])
        }
    }
}
