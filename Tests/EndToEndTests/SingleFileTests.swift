// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// Checkpoints from the command line to the picture.
    @Suite struct SingleFileTests {
        /// The embedded model in one file, with a directory that describes its shape.
        private func checkpoint(_ studio: Studio) throws -> [String] {
            let directory = try EmbeddedModel.directory()
            let path = studio.directory.file("postcards v1.safetensors")
            try OriginalNames(model: directory).singleFile(of: directory).write(to: path)
            return ["-m", "postcards v1.safetensors", "--model-config", directory]
        }

        private func digests(_ studio: Studio, _ out: String) throws -> [String] {
            try studio.images(out: out).compactMap { $0["latent_sha256"] as? String }
        }

        /// The same pictures as from the directory, also by workers that are started here, and by a
        /// session that finds out from the run what it was begun with.
        @Test func aCheckpointIsTheSameModel() async throws {
            let studio = try Studio()
            let model = try checkpoint(studio)
            let rest = ["-p", "a red house", "-b", "2", "--steps", "3", "-s", "1"]
            let expected = try await studio.start(rest, out: "expected").ending()
            #expect(expected.code == 0, "\(expected)")
            let sampled = try await studio.start(
                model + rest + ["--decode-on", "none", "--local-workers", "2"]
            ).ending()
            #expect(sampled.code == 0, "\(sampled)")
            #expect(try digests(studio, "out") == digests(studio, "expected"))
            let decoding = try await RunningProgram(
                "retom-coord", ["decode", studio.directory.file("out")], in: studio.directory,
                input: .bytes([])
            ).ending()
            #expect(decoding.code == 0, "\(decoding)")
            let images = try studio.images()
            let file = try #require(images[0]["file"] as? String)
            let texts = try PNG.decode(try studio.bytes(file)).texts
            let parameters = try #require(texts.first { $0.keyword == "parameters" }?.text)
            let hash = try await sha256(studio.directory.file("postcards v1.safetensors"))
            #expect(parameters.contains("Model hash: \(hash.prefix(10)), "), "\(parameters)")
            #expect(parameters.contains("Model: postcards v1, "), "\(parameters)")
            #expect(!parameters.contains("VAE hash"), "\(parameters)")
        }

        private func sha256(_ path: String) async throws -> String {
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(filePath: "/usr/bin/sha256sum")
            process.arguments = [path]
            process.standardOutput = output
            try process.run()
            let data = try #require(try output.fileHandleForReading.readToEnd())
            process.waitUntilExit()
            return String(String(decoding: data, as: UTF8.self).prefix(64))
        }

        /// A worker that holds the same file otherwise described is refused, with the part that
        /// differs.
        @Test func workersWithOtherSettingsAreRefused() async throws {
            let studio = try Studio()
            let model = try checkpoint(studio)
            let worker = try await studio.worker(
                "-m", studio.directory.file(model[1]), model[2], model[3], "--prediction",
                "epsilon")
            let hosts = try studio.hosts(worker.address)
            let ending = try await studio.start(
                model + ["--workers", hosts, "-p", "a red house"]
            ).ending()
            #expect(ending.code == 3, "\(ending)")
            #expect(ending.errorOutput.contains("text encoder (or settings) is "), "\(ending)")
        }

        /// Models by name, and what else lies beside them.
        @Test func modelsAreListedAndChosenByName() async throws {
            let studio = try Studio()
            let directory = try EmbeddedModel.directory()
            try studio.directory.write("…", to: "models/notes.txt")
            _ = try studio.directory.copy(directory, as: "models/own")
            try studio.directory.write("PK\u{3}\u{4}", to: "models/wrong.safetensors")
            let list = try await RunningProgram(
                "retom-coord", ["models", "models"], in: studio.directory, input: .bytes([])
            ).ending()
            #expect(list.code == 0, "\(list)")
            let lines = list.output.split(separator: "\n")
            try #require(lines.count == 2, "\(list)")
            #expect(lines[0].hasPrefix("own  ") && lines[0].contains("own shape"), "\(list)")
            #expect(lines[1].hasPrefix("wrong  ") && lines[1].contains("pickle"), "\(list)")
            let ending = try await studio.draw(
                "--model-dir", "models", "-m", "own", "-p", "a house")
            #expect(ending.code == 0, "\(ending)")
            let run = try #require(try studio.report()["run"] as? [String: Any])
            #expect((run["model"] as? [String: Any])?["name"] as? String == "own")
            for name in ["absent", "../models/own", studio.directory.file("models/own")] {
                let refused = try await studio.draw(
                    "--model-dir", "models", "-m", name, "-p", "a house", out: "no")
                #expect(refused.code == 2, "\(refused)")
                #expect(refused.errorOutput.contains("it has own, wrong"), "\(refused)")
            }
        }

        @Test func wrongFilesAreRefusedAtStart() async throws {
            let studio = try Studio()
            try studio.directory.write("PK\u{3}\u{4}", to: "model.ckpt")
            let ending = try await studio.draw("-m", "model.ckpt", "-p", "a house")
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.errorOutput.contains("is a Python pickle"), "\(ending)")
            #expect(studio.names() == nil)
        }
    }
}
