// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Textual inversions beside a model against diffusers' `load_textual_inversion`
/// (`scripts/goldens/embeddings.py`).
@Suite struct EmbeddingParityTests {
    private static let names = ["glowing", "oldink", "snowmood"]

    private func model(_ names: [String] = names) throws -> ModelWithEmbeddings {
        try ModelWithEmbeddings(
            ModelDirectory(path: modelPath("postcards")),
            names.map { name in
                EmbeddingSelection(
                    name: name, path: try Goldens.path("embeddings/\(name).safetensors"))
            })
    }

    @Test(arguments: [
        ("one", "a snowmood house"), ("several", "glowing sea, oldink and snowmood, snowmood"),
        ("several", "Glowing sea, OLDINK and SnowMood, snowmood"),
        ("long", String(repeating: "snowmood ", count: 40)), ("none", "a red house in the snow"),
    ])
    func textStatesEqualDiffusers(_ name: String, _ prompt: String) throws {
        let goldens = try Goldens(path: try Goldens.path("embeddings.safetensors"))
        let model = try model()
        let encoder = try CLIPTextModel.load(
            from: model, backend: try Machine.standard.makeBackend())
        let tokens = try model.tokenizer().encode(prompt).ids
        try encoder.check(tokens: tokens, clipSkip: nil)
        let output = try Tensor.make(encoder.outputShape(tokenCount: tokens.count))
        try Machine.standard.makeLane().run { lane in
            try encoder.forward(sequences: [tokens], into: [output], lane: lane)
        }
        let distance = relativeL2(output.values, try goldens.floats("states.\(name)"))
        #expect(distance <= 1e-5, "\(distance)")
    }

    @Test func latentsEqualDiffusers() throws {
        let goldens = try Goldens(path: try Goldens.path("embeddings.safetensors"))
        let latents = try sample(
            model(), prompt: "glowing sea, oldink and snowmood, snowmood", negativePrompt: "oldink")
        let distance = relativeL2(latents.values, try goldens.floats("latents"))
        #expect(distance <= 1e-4, "\(distance)")
    }

    /// Vectors take as many places as they are, and what is cut is named.
    @Test func vectorsTakePlaces() throws {
        let tokenizer = try model().tokenizer()
        let plain = try ModelDirectory(path: modelPath("postcards")).tokenizer()
        let one = tokenizer.encode("a snowmood house")
        let words = plain.encode("a house")
        #expect(one.tokenCount == words.tokenCount + 3)
        let long = tokenizer.encode(String(repeating: "snowmood ", count: 40))
        #expect(long.removedTokenCount == 120 - 75)
        #expect(long.removedText?.hasPrefix("snowmood snowmood") == true)
        #expect(tokenizer.encode("a red house").ids == plain.encode("a red house").ids)
    }

    /// The same words of a longer name are the longer one's.
    @Test func theLongestNameCounts() throws {
        let folder = try TemporaryDirectory()
        let width = 128
        let files = try ["snow", "snow house", "house"].map { name in
            var file = TensorFile()
            file["emb_params"] = TensorFile.Content(
                [1, width], [Float](repeating: 0.5, count: width))
            return EmbeddingSelection(
                name: name, path: try file.write(to: folder.file("\(name).safetensors")))
        }
        let plain = try ModelDirectory(path: modelPath("postcards"))
        let first = Int32(try plain.textEncoderConfiguration().vocabularySize)
        let tokenizer = try ModelWithEmbeddings(plain, files).tokenizer()
        let ids = tokenizer.encode("a snow house, snow and a house").ids.filter { $0 >= first }
        #expect(ids.map { $0 - first } == [1, 0, 2])
    }

    /// A change of the words or of the file is another model, to the text encoder alone.
    @Test func theFingerprintHasThem() throws {
        let plain = try ModelFingerprint(of: ModelDirectory(path: modelPath("postcards")))
        let all = try ModelFingerprint(of: model())
        let one = try ModelFingerprint(of: model(["glowing"]))
        #expect(all.unet == plain.unet && all.vae == plain.vae)
        #expect(Set([plain, all, one].map(\.textEncoder)).count == 3)
        #expect(try ModelFingerprint(of: model().checkpoint) == plain)
    }

    private static func content(_ shape: [Int], _ value: Float = 0.5) -> TensorFile.Content {
        TensorFile.Content(shape, [Float](repeating: value, count: shape.reduce(1, *)))
    }

    @Test(
        arguments: [
            (["emb_params": content([2, 768])], "for text of width 768 (Stable Diffusion 1.x)"),
            (["<a>": content([96])], "for text of width 96; this model's is 128"),
            (["clip_l": content([1, 768]), "clip_g": content([1, 1280])], "inversion for SDXL"),
            (["emb_params": content([0, 128])], "has 0 vectors"),
            (["emb_params": content([76, 128])], "has 76 vectors"),
            (["emb_params": content([1, 1, 128])], "is no textual inversion"),
            (["a": content([128]), "b": content([128])], "is no textual inversion"),
            (["emb_params": content([128], .nan)], "infinite or no numbers"),
        ] as [([String: TensorFile.Content], String)])
    func otherFilesAreRefused(_ tensors: [String: TensorFile.Content], _ words: String) throws {
        let folder = try TemporaryDirectory()
        var file = TensorFile()
        file.tensors = tensors
        let path = try file.write(to: folder.file("a.safetensors"))
        let error = #expect(throws: (any Error).self) {
            try ModelWithEmbeddings(
                ModelDirectory(path: modelPath("postcards")),
                [EmbeddingSelection(name: "a", path: path)])
        }
        #expect("\(try #require(error))".contains(words), "\(error!)")
    }

    @Test func namesThatATokenizerCannotTellApart() throws {
        let path = try Goldens.path("embeddings/oldink.safetensors")
        for (names, words) in [(["Ink", "ink"], "Ink is the same"), ([" "], "no token stands")] {
            let error = #expect(throws: TextualInversionError.self) {
                try ModelWithEmbeddings(
                    ModelDirectory(path: modelPath("postcards")),
                    names.map { EmbeddingSelection(name: $0, path: path) })
            }
            #expect("\(try #require(error))".contains(words), "\(error!)")
        }
    }
}
