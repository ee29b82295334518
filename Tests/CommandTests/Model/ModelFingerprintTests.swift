// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import EmbeddedModel
import Foundation
import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Which files decide a fingerprint, and that hashing and loading see the same ones.
@Suite struct ModelFingerprintTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        let source = try EmbeddedModel.directory()
        for name in try FileManager.default.contentsOfDirectory(atPath: source) {
            _ = try folder.copy("\(source)/\(name)", as: name)
        }
    }

    private func fingerprint() throws -> ModelFingerprint {
        try ModelFingerprint(of: ModelDirectory(path: folder.path))
    }

    /// `tokenizer.json` counts with the tokenizer, and beside it the older files for nothing.
    @Test func tokenizersCountByWhatIsRead() throws {
        let before = try fingerprint()
        try folder.write("hello", to: "tokenizer/README.md")
        #expect(try fingerprint() == before)
        try folder.write("{}", to: "tokenizer/tokenizer.json")
        let whole = try fingerprint()
        #expect(whole.textEncoder != before.textEncoder)
        #expect(whole.unet == before.unet && whole.vae == before.vae)
        try folder.write("[]", to: "tokenizer/vocab.json")
        #expect(try fingerprint() == whole)
        try folder.write("{ }", to: "tokenizer/tokenizer.json")
        #expect(try fingerprint() != whole)
    }

    /// Files that were hashed, and files that appear beside them, in the order of a worker's start.
    @Test(arguments: [
        "unet/config.json", "scheduler/scheduler_config.json", "tokenizer/merges.txt",
        "tokenizer/tokenizer.json", "text_encoder/model.safetensors",
    ])
    func whatChangesAfterHashingIsNotLoaded(_ name: String) throws {
        let model = try ModelDirectory(path: folder.path)
        _ = try ModelFingerprint(of: model)
        // The same content at another place is still another file.
        let data = FileManager.default.contents(atPath: folder.file(name)) ?? Data("{}".utf8)
        try data.write(to: URL(filePath: folder.file(name)), options: .atomic)
        let error = #expect(throws: ConfigurationError.self) {
            try StableDiffusionPipeline(
                model: model,
                compute: ComputeConfiguration(
                    backend: .openblas, precision: .float32, threadCount: 1))
        }
        #expect(try #require(error).problem == .changed)
        #expect(try #require(error).path == folder.file(name))
    }

    /// The decoder is loaded when the first picture is wanted, long after the hash.
    @Test func aDecoderLoadedLateIsTheOneThatWasHashed() throws {
        let model = try ModelDirectory(path: folder.path)
        _ = try ModelFingerprint(of: model)
        let compute = ComputeConfiguration(
            backend: .openblas, precision: .float32, threadCount: 1)
        _ = try LatentDecoder(model: model, compute: compute)
        let path = folder.file("vae/diffusion_pytorch_model.safetensors")
        try Data(contentsOf: URL(filePath: path)).write(to: URL(filePath: path), options: .atomic)
        #expect(throws: ConfigurationError(path: path, problem: .changed)) {
            try LatentDecoder(model: model, compute: compute)
        }
    }
}
