// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Digests
import EmbeddedModel
import Foundation
import GenerationTypes
import Requests
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

    /// A checkpoint is known by its file's own SHA-256, as A1111 knows it; what else decides
    /// pictures stands with the text encoder.
    @Test func checkpointsAreKnownByTheirFiles() throws {
        let directory = try TemporaryDirectory()
        let names = try OriginalNames(model: folder.path)
        let path = try names.singleFile(of: folder.path)
            .write(to: directory.file("model.safetensors"))
        func digest(_ path: String) throws -> [UInt8] {
            SHA256.hash(data: [UInt8](try Data(contentsOf: URL(filePath: path))))
        }
        func fingerprint(
            _ change: (inout ModelSelection) -> Void = { _ in }
        ) throws -> ModelFingerprint {
            var selection = ModelSelection(path: path)
            selection.configuration = folder.path
            change(&selection)
            return try ModelFingerprint(of: selection.open(merges: EmbeddedModel.clipMerges))
        }
        let plain = try fingerprint()
        let ofFile = try digest(path)
        #expect(plain.unet == ofFile && plain.vae == ofFile)
        #expect(ModelRecord(name: "model", fingerprint: plain).shortHash.count == 10)
        let other = try fingerprint { $0.prediction = .sample }
        #expect(other.unet == plain.unet && other.textEncoder != plain.textEncoder)
        let vae = "\(folder.path)/vae/diffusion_pytorch_model.safetensors"
        let decoded = try fingerprint { $0.vae = vae }
        #expect(try decoded.vae == digest(vae))
        #expect(decoded.textEncoder == plain.textEncoder)
        try folder.write("#version: 0.2\nt h\n", to: "tokenizer/merges.txt")
        #expect(try fingerprint().textEncoder != plain.textEncoder)
    }

    /// What a checkpoint predicts may stand in a file beside it, which may change too.
    @Test func whatLiesBesideACheckpointIsTheSameFileLater() throws {
        let directory = try TemporaryDirectory()
        let names = try OriginalNames(model: folder.path)
        let path = try names.singleFile(of: folder.path)
            .write(to: directory.file("model.safetensors"))
        var selection = ModelSelection(path: path)
        selection.configuration = folder.path
        let model = try selection.open(merges: EmbeddedModel.clipMerges)
        _ = try ModelFingerprint(of: model)
        try directory.write("parameterization: \"v\"", to: "model.yaml")
        #expect(throws: ConfigurationError(path: directory.file("model.yaml"), problem: .changed)) {
            try model.files.note(directory.file("model.yaml"))
        }
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
