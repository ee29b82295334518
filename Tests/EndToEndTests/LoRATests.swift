// SPDX-License-Identifier: Apache-2.0

import Foundation
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// LoRAs and textual inversions from the command line to the picture.
    @Suite struct LoRATests {
        private static let rest = ["-b", "2", "--steps", "3", "-s", "1"]

        /// A LoRA of the embedded model, in a directory `loras`.
        private func lora(_ name: String, _ studio: Studio, seed: UInt64 = 1) throws {
            var random = SplitMix64(seed: seed)
            func content(_ shape: [Int]) -> TensorFile.Content {
                TensorFile.Content(
                    shape,
                    (0..<shape.reduce(1, *)).map { _ in Float(random.next() >> 40) / 0x1p25 })
            }
            var file = TensorFile()
            for (stem, width) in [
                ("lora_unet_mid_block_attentions_0_proj_in", 256),
                ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", 128),
            ] {
                file["\(stem).lora_down.weight"] = content([2, width])
                file["\(stem).lora_up.weight"] = content([width, 2])
                file["\(stem).alpha"] = TensorFile.Content([], [2])
            }
            try FileManager.default.createDirectory(
                atPath: studio.directory.file("loras"), withIntermediateDirectories: true)
            try file.write(to: studio.directory.file("loras/\(name).safetensors"))
        }

        private func digests(_ studio: Studio, _ out: String) throws -> [String] {
            try studio.images(out: out).compactMap { $0["latent_sha256"] as? String }
        }

        private func draw(
            _ studio: Studio, _ arguments: [String], out: String
        ) async throws -> [String] {
            let ending = try await studio.start(arguments + Self.rest, out: out).ending()
            #expect(ending.code == 0, "\(ending)")
            return try digests(studio, out)
        }

        /// From an option or from the prompt, the pictures are the same; later sessions and decoding
        /// find the LoRAs by themselves; report and pictures name them.
        @Test func optionsAndPromptsNameLoRAs() async throws {
            let studio = try Studio()
            try lora("snow fall", studio)
            let directory = ["--lora-model-dir", "loras"]
            let plain = try await draw(studio, ["-p", "a red house"], out: "plain")
            let option = try await draw(
                studio, directory + ["--lora", "snow fall:0.5", "-p", "a red house"], out: "option")
            #expect(option != plain && option.count == 2)
            let tagged = try await draw(
                studio, directory + ["-p", "<lora:snow fall:0.5>a red house"], out: "tagged")
            #expect(tagged == option)
            let run = try #require(try studio.report(out: "tagged")["run"] as? [String: Any])
            let model = try #require(run["model"] as? [String: Any])
            let record = try #require((model["loras"] as? [[String: Any]])?.first)
            #expect(record["name"] as? String == "snow fall")
            #expect(record["unet_weight"] as? Double == 0.5)
            let data = try #require(record["data_sha256"] as? String)
            let images = try studio.images(out: "tagged")
            let file = try #require(images[0]["file"] as? String)
            let texts = try PNG.decode(try studio.bytes(file, out: "tagged")).texts
            let parameters = try #require(texts.first { $0.keyword == "parameters" }?.text)
            #expect(parameters.hasPrefix("<lora:snow fall:0.5>a red house\n"), "\(parameters)")
            #expect(
                parameters.contains("Lora hashes: \"snow fall: \(data.prefix(12))\""),
                "\(parameters)")
            // The checkpoint keeps the hash that it has without.
            let other = try #require(try studio.report(out: "plain")["run"] as? [String: Any])
            let otherModel = try #require(other["model"] as? [String: Any])
            #expect(otherModel["unet_sha256"] as? String == model["unet_sha256"] as? String)
            try FileManager.default.removeItem(atPath: studio.directory.file("tagged/\(file)"))
            for arguments in [["decode", "tagged"], ["--resume", "-o", "tagged"]] {
                let again = try await RunningProgram(
                    "retom-coord", arguments, in: studio.directory, input: .bytes([])
                ).ending()
                #expect(again.code == 0, "\(again)")
            }
        }

        /// A worker with other LoRAs samples nothing; the run says what it needs.
        @Test func workersNeedTheSameLoRAs() async throws {
            let studio = try Studio()
            try lora("snow", studio)
            let directory = ["--lora-model-dir", studio.directory.file("loras")]
            let worker = try await studio.worker()
            let refused = try await studio.start(
                directory + [
                    "--lora", "snow:-0.5:1", "--workers", studio.hosts(worker.address), "-p", "a",
                ]
            ).ending()
            #expect(refused.code == 3, "\(refused)")
            #expect(refused.errorOutput.contains("--lora=snow:-0.5:1.0"), "\(refused)")
            #expect(refused.errorOutput.contains("--model, --lora and --embd-dir"), "\(refused)")
            let other = try await studio.worker(
                directory[0], directory[1], "--lora", "snow:-0.5:1")
            let ending = try await studio.start(
                directory + [
                    "--lora", "snow:-0.5:1", "--workers", studio.hosts(other.address), "-p", "a",
                ], out: "other"
            ).ending()
            #expect(ending.code == 0, "\(ending)")
        }

        /// One clear sentence each, and nothing is left behind.
        @Test func wrongChoicesAreRefusedAtStart() async throws {
            let studio = try Studio()
            try lora("snow", studio)
            try studio.directory.write("PK\u{3}\u{4}", to: "loras/pickle.safetensors")
            let directory = ["--lora-model-dir", "loras"]
            for (arguments, words) in [
                (["--lora", "snow", "-p", "a"], "--lora-model-dir"),
                (directory + ["--lora", "rain", "-p", "a"], "named rain; it has pickle, snow"),
                (directory + ["--lora", "../loras/snow", "-p", "a"], "without directory"),
                (directory + ["--lora", "snow:much", "-p", "a"], "much is no weight"),
                (directory + ["--lora", "pickle", "-p", "a"], "is a Python pickle"),
                (["--lora-model-dir", "absent", "--lora", "snow", "-p", "a"], "no such directory"),
                (directory + ["-p", "<lora:rain:1> a"], "no LoRA named rain"),
                (
                    directory + ["-p", "a", "-p", "<lora:snow:1> b"],
                    "-p 2: it has <lora:snow> and -p 1 has no LoRA"
                ),
                (directory + ["-p", "a", "-n", "<lora:snow:1>"], "not the negative one"),
            ] {
                let ending = try await studio.start(arguments).ending()
                #expect(ending.code == 2, "\(ending)")
                #expect(ending.errorOutput.contains(words), "\(ending)")
                #expect(studio.names() == nil)
            }
        }

        @Test func promptsNameTextualInversions() async throws {
            let studio = try Studio()
            var file = TensorFile()
            file["emb_params"] = TensorFile.Content(
                [2, 128], (0..<256).map { Float($0 % 7) * 0.02 })
            try FileManager.default.createDirectory(
                atPath: studio.directory.file("words"), withIntermediateDirectories: true)
            try file.write(to: studio.directory.file("words/oldink.safetensors"))
            let plain = try await draw(studio, ["-p", "an oldink house"], out: "plain")
            let directory = ["--embd-dir", "words"]
            let own = try await draw(studio, directory + ["-p", "an oldink house"], out: "own")
            #expect(own != plain)
            let without = try await draw(studio, directory + ["-p", "a house"], out: "without")
            let house = try await draw(studio, ["-p", "a house"], out: "house")
            #expect(without == house)
            let images = try studio.images(out: "own")
            let name = try #require(images[0]["file"] as? String)
            let texts = try PNG.decode(try studio.bytes(name, out: "own")).texts
            let parameters = try #require(texts.first { $0.keyword == "parameters" }?.text)
            #expect(parameters.contains("TI hashes: \"oldink: "), "\(parameters)")
            let list = try await RunningProgram(
                "retom-coord", ["models", "words", "--embd-dir", "words"], in: studio.directory,
                input: .bytes([])
            ).ending()
            #expect(list.output.contains("textual inversion"), "\(list)")
        }
    }
}
