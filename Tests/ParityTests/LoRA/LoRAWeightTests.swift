// SPDX-License-Identifier: Apache-2.0

import Foundation
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Merged weights against diffusers, PEFT and LyCORIS (`scripts/goldens/lora.py`).
@Suite struct LoRAWeightTests {
    private static let cases = [
        "kohya", "two", "peft", "rslora", "dora", "processors", "locon", "tucker", "loha",
        "loha-tucker", "lokr-full", "lokr", "lokr-both", "lokr-tucker", "diff", "norm",
        "dora-rows", "dora-columns", "dora-loha", "dora-lokr",
    ]

    @Test func everyGoldenHasATest() throws {
        #expect(try LoRAGoldens.load().cases.map(\.name) == Self.cases)
    }

    @Test(arguments: cases)
    func mergedWeightsEqualTheReference(_ name: String) throws {
        let goldens = try LoRAGoldens.load()
        let loras = try #require(goldens.cases.first { $0.name == name }).loras
        let folder = try TemporaryDirectory()
        let plain = try ModelDirectory(path: Goldens.path("tiny"))
        let model = try ReadWeights(
            ModelWithLoRAs(plain, loras: try goldens.selections(loras, in: folder)))
        let before = try ReadWeights(plain)
        let expected = try Goldens(path: try Goldens.path("lora.safetensors")).layers("\(name)|")
        #expect(!expected.isEmpty)
        for (label, samples) in expected {
            let place = try #require(label.firstIndex(of: "/"))
            let component = try #require(ModelComponent(rawValue: String(label[..<place])))
            let weight = String(label[label.index(after: place)...])
            let values = try model(component, weight)
            #expect(try values != before(component, weight), "\(label) is unchanged")
            let largest = values.reduce(0) { max($0, $1.magnitude) }
            for (index, sample) in samples.enumerated() {
                let value = values[index * values.count / samples.count]
                let error = (value - sample).magnitude / largest
                #expect(error <= 1e-6, "\(label)[\(index)]: \(error)")
            }
        }
    }

    /// What a LoRA doesn't name stays bitwise, and so does a part that it has at weight 0.
    @Test func theRestOfTheModelStays() throws {
        let goldens = try LoRAGoldens.load()
        let folder = try TemporaryDirectory()
        let plain = try ModelDirectory(path: Goldens.path("tiny"))
        let path = try goldens.content("locon").write(to: folder.file("a.safetensors"))
        let model = try ModelWithLoRAs(
            plain,
            loras: [LoRASelection(name: "a", path: path, textWeight: 0, unetWeight: 1)])
        let changed = "down_blocks.0.attentions.0.proj_in.weight"
        #expect(try model.weight(.unet, changed) != plain.weight(.unet, changed))
        for (component, name) in [
            (ModelComponent.unet, "down_blocks.0.attentions.0.proj_in.bias"),
            (.unet, "conv_in.weight"), (.textEncoder, "encoder.layers.1.mlp.fc1.weight"),
        ] {
            #expect(try model.weight(component, name) == plain.weight(component, name), "\(name)")
        }
    }

    /// `scale` stands above α, and without either the product counts as it is.
    @Test func scales() throws {
        let folder = try TemporaryDirectory()
        let directory = try Goldens.path("tiny")
        let stem = "lora_unet_mid_block_attentions_0_proj_in"
        let weight = "mid_block.attentions.0.proj_in.weight"
        let before = try ModelDirectory(path: directory).weight(.unet, weight)
        func factor(_ scalars: [String: TensorFile.Content]) throws -> Float {
            var file = TensorFile()
            file["\(stem).lora_down.weight"] = TensorFile.Content(
                [2, 32, 1, 1], [Float](repeating: 1, count: 64))
            file["\(stem).lora_up.weight"] = TensorFile.Content(
                [32, 2, 1, 1], [Float](repeating: 0.5, count: 64))
            for (name, content) in scalars { file["\(stem).\(name)"] = content }
            let path = try file.write(to: folder.file("a.safetensors"))
            let model = try ModelWithLoRAs(
                ModelDirectory(path: directory), loras: [LoRASelection(name: "a", path: path)])
            return try model.weight(.unet, weight)[0] - before[0]
        }
        func float(_ value: Float) -> TensorFile.Content { TensorFile.Content([], [value]) }
        let seven = TensorFile.Content(.int64, [], [7, 0, 0, 0, 0, 0, 0, 0])
        for (scalars, expected) in [
            ([:], 1), (["alpha": float(3)], 1.5), (["alpha": seven], 3.5),
            (["alpha": float(3), "scale": float(0.25)], 0.25), (["alpha": float(-1)], -0.5),
        ] as [([String: TensorFile.Content], Float)] {
            let found = try factor(scalars)
            #expect((found - expected).magnitude < 1e-6, "\(scalars.keys.sorted()): \(found)")
        }
    }
}
