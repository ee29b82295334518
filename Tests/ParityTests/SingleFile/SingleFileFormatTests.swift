// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Kinds of values, and VAEs in files of their own.
@Suite struct SingleFileFormatTests {
    let folder: TemporaryDirectory
    let model: SyntheticModel
    let file: TensorFile

    init() throws {
        folder = try TemporaryDirectory()
        model = try SyntheticModel("sd1", in: folder, vocabularySize: 8)
        file = try model.singleFile()
    }

    private func unetOutput(_ file: TensorFile, as name: String) throws -> [Float] {
        let path = try file.write(to: folder.file(name))
        let unet = try UNet2DConditionModel.load(
            from: try openSingleFile(path), backend: try Machine.standard.makeBackend())
        var random = SplitMix64(seed: 1)
        let shape = TensorShape(height: 8, width: 8, channels: 4)
        let text = TensorShape(tokens: 77, channels: 768)
        let sample = try Tensor.make(shape, random.floats(shape.elementCount))
        let states = try Tensor.make(text, random.floats(text.elementCount))
        let output = try Tensor.make(shape)
        try Machine.standard.makeLane().run { lane in
            let conditioning = try unet.prepare(text: states, lane: lane)
            unet.forward(
                sample, timestep: 500, conditioning: conditioning, into: output, lane: lane)
        }
        return output.values
    }

    /// The U-Net's tensors, changed.
    private func changing(
        _ body: (String, TensorFile.Content, [Float]) -> [(String, TensorFile.Content)]
    ) throws -> TensorFile {
        var result = file
        let stored = try SafeTensorsFile(path: try file.write(to: folder.file("plain.safetensors")))
        for (name, content) in file.tensors where name.hasPrefix("model.diffusion_model.") {
            result[name] = nil
            for (name, content) in body(name, content, try stored.tensor(name).floats()) {
                result[name] = content
            }
        }
        return result
    }

    @Test func wideTypesAreTheSameValues() throws {
        let expected = try unetOutput(file, as: "f16.safetensors")
        let doubles = try changing { name, content, values in
            let bytes = values.map(Double.init).withUnsafeBytes { Array($0) }
            return [(name, TensorFile.Content(.float64, content.shape, bytes))]
        }
        #expect(try unetOutput(doubles, as: "f64.safetensors") == expected)
    }

    /// Eight-bit values, plain and with a scale: the same as what they stand for.
    @Test(
        arguments: [ScalarType.float8e4m3, .float8e5m2],
        [nil, "scale_weight", "weight_scale", "rows"])
    func eightBitValues(_ type: ScalarType, _ scale: String?) throws {
        var random = SplitMix64(seed: 3)
        var wide = file
        let narrow = try changing { name, content, _ in
            guard name.hasSuffix(".weight"), content.shape.count > 1 else {
                return [(name, content)]
            }
            let count = content.shape.reduce(1, *)
            // Small normal numbers of either sign; none is NaN.
            let bytes = (0..<count).map { _ in UInt8(random.next() & 0x8F | 0x20) }
            let module = name.dropLast("weight".count)
            let rows = content.shape[0]
            let factors: [Float] =
                switch scale {
                case nil: [1]
                case "rows": (0..<rows).map { 0.5 + Float($0 % 4) / 4 }
                default: [0.75]
                }
            let values = bytes.enumerated().map { index, byte in
                Self.value(byte, type) * factors[factors.count == 1 ? 0 : index / (count / rows)]
            }
            wide[name] = TensorFile.Content(content.shape, values)
            let result = (name, TensorFile.Content(type, content.shape, bytes))
            guard let scale else { return [result] }
            let key = scale == "rows" ? "weight_scale" : scale
            return [
                result,
                ("\(module)\(key)", TensorFile.Content(scale == "rows" ? [rows, 1] : [], factors)),
                ("\(module)scale_input", TensorFile.Content([], [1])),
            ]
        }
        var marked = narrow
        if scale != nil { marked["scaled_fp8"] = TensorFile.Content(type, [0], []) }
        let expected = try unetOutput(wide, as: "f32.safetensors")
        let isFinite = expected.allSatisfy { $0.isFinite }
        #expect(isFinite)
        #expect(try unetOutput(marked, as: "f8.safetensors") == expected)
    }

    private static func value(_ byte: UInt8, _ type: ScalarType) -> Float {
        let bits = type == .float8e4m3 ? 3 : 2
        let (exponent, fraction) = (Int(byte & 0x7F) >> bits, Int(byte) & ((1 << bits) - 1))
        let bias = type == .float8e4m3 ? 7 : 15
        let magnitude = scalbn(1 + Float(fraction) / Float(1 << bits), exponent - bias)
        return byte < 128 ? magnitude : -magnitude
    }

    /// A VAE of its own, under the original names or diffusers', beside a file without one and
    /// beside a directory.
    @Test(arguments: ["original", "diffusers", "checkpoint"])
    func aVAEOfItsOwn(_ naming: String) throws {
        let other = try SyntheticModel("sd2", in: folder, vocabularySize: 8)
        // Kernels are chosen for the size of the pictures that the whole model was trained on.
        try setConfiguration("\(other.directory)/vae/config.json", "sample_size", 512)
        let folderOfPart = "\(other.directory)/vae"
        var part = try TensorFile(folder: folderOfPart)
        part["decoder.conv_out.bias"] = TensorFile.Content([3], [0.5, -0.5, 0.25])
        try part.write(to: "\(folderOfPart)/diffusion_pytorch_model.safetensors")
        let vae: TensorFile =
            switch naming {
            case "original": try other.names().vae(part)
            case "diffusers": part
            default: try other.singleFile()
            }
        let vaePath = try vae.write(to: folder.file("vae.safetensors"))
        var bare = file
        for name in file.tensors.keys where name.hasPrefix("first_stage_model.") {
            bare[name] = nil
        }
        let path = try bare.write(to: folder.file("bare.safetensors"))
        #expect(throws: SingleFileError(path: path, problem: .noVAE)) {
            _ = try ModelDescription(of: openSingleFile(path))
        }
        let expected = try decode(ModelDirectory(path: other.directory))
        #expect(try decode(ModelDirectory(path: model.directory)) != expected)
        for place in [path, model.directory] {
            let source = try openSingleFile(place) { $0.vae = vaePath }
            #expect(try decode(source) == expected)
            #expect(try source.digestParts(of: .vae) == [.file(vaePath)])
        }
    }

    private func decode(_ model: any ModelSource) throws -> [UInt8] {
        var random = SplitMix64(seed: 7)
        let latents = GeneratedLatents(
            channels: 4, height: 4, width: 4, values: random.floats(64))
        return try LatentDecoder(model: model, compute: .tests).decode(latents).bytes
    }
}
