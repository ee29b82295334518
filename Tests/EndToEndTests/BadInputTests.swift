// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    /// Unusable input: exit code 2, one message that says what to do, nothing written.
    @Suite struct BadInputTests {
        /// Command lines, with what the message must contain.
        static let usage: [(arguments: [String], parts: [String])] = [
            ([], ["nothing to generate", "-p"]),
            (["-p", "a", "--steps", "0"], ["0 steps", "--steps"]),
            (["-p", "a", "-W", "100"], ["100×64", "multiples of 8", "-W 104"]),
            (["-p", "a", "-H", "8000"], ["64×8000", "4096"]),
            (["-p", "a", "-b", "0"], ["--batch-count 0"]),
            (["-p", "a", "-s", "soon"], ["--seed soon"]),
            (["-p", "a", "--sampling-method", "magic"], ["magic", "dpm++2m"]),
            (["-p", "a", "--cfg-scale", "nan"], ["guidance scale", "--cfg-scale"]),
            (["-p", "a", "--cfg-scale", "-3"], ["guidance scale of -3", "--cfg-scale"]),
            (["-p", "a", "-n", "<lora:x:1>"], ["<lora:x>", "not the negative one"]),
            (["-p", "a", "--bogus"], ["--bogus"]),
            (["-p", "a", "--sampling-method", "lcm", "--steps", "60"], ["60 steps", "--steps"]),
            (["-p", "a", "--workers", "h", "--local-workers", "2"], ["exclude each other"]),
            (["--prompts", "absent.txt"], ["absent.txt", "No such file"]),
            (["-p", "a", "--workers", "absent.txt"], ["absent.txt", "host[:port]"]),
            (["-p", "a", "-m", "absent"], ["absent", "no such file or directory"]),
            (["-p", String(repeating: "x", count: 70000)], ["70000 bytes", "65536"]),
        ]

        @Test(arguments: usage.indices) func wrongUsage(_ index: Int) async throws {
            let studio = try Studio()
            let (arguments, parts) = Self.usage[index]
            let ending = try await studio.start(arguments).ending()
            expectRefusal(ending, parts, studio)
        }

        /// Files, with what the message must contain.
        static let files: [(option: String, bytes: [UInt8], parts: [String])] = [
            ("--prompts", [0x61, 0x0A, 0xFF, 0x0A], ["list.txt:2", "not UTF-8", "iconv"]),
            ("--prompts", Array("\n# nothing\n".utf8), ["list.txt has no prompt"]),
            (
                "--prompts",
                Array("{\"prompt\": \"a\", \"stepz\": 3}\na cat\n{\"prompt\": 1}".utf8),
                ["list.txt:1", "did you mean 'steps'", "list.txt:3", "must be text"]
            ),
            (
                "--prompts", Array("a cat\n{\"prompt\": \"a\", \"width\": 100}".utf8),
                ["list.txt:2", "100×64", "multiples of 8"]
            ),
            (
                "--workers", Array("good:1\n!!!\na:b:c\nhost:99999\n".utf8),
                ["list.txt:2", "!!!", "list.txt:3", "list.txt:4", "99999"]
            ),
            (
                "--workers", Array("localhost:7400\n# again\nLOCALHOST\n".utf8),
                ["list.txt:3", "on line 1 already"]
            ),
            ("--workers", [0xFF, 0xFE], ["list.txt", "UTF-8"]),
            ("--workers", [], ["list.txt", "no worker"]),
        ]

        @Test(arguments: files.indices) func wrongFiles(_ index: Int) async throws {
            let studio = try Studio()
            let (option, bytes, parts) = Self.files[index]
            try studio.directory.write(bytes, to: "list.txt")
            let prompt = option == "--prompts" ? [] : ["-p", "a"]
            let ending = try await studio.start(prompt + [option, "list.txt"]).ending()
            expectRefusal(ending, parts, studio)
        }

        @Test func unusableModels() async throws {
            try await expectModelRefusal("unet", ["diffusion_pytorch_model", "truncated"]) {
                var weights = try WeightFile("\($0)/diffusion_pytorch_model.safetensors")
                weights.bytes.removeLast()
                try weights.save()
            }
            try await expectModelRefusal("vae", ["diffusion_pytorch_model", "damaged"]) {
                var weights = try WeightFile("\($0)/diffusion_pytorch_model.safetensors")
                weights.bytes.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 1, 0, 0])
                try weights.save()
            }
            try await expectModelRefusal("text_encoder", ["text_encoder/model.safetensors"]) {
                var weights = try WeightFile("\($0)/model.safetensors")
                weights.bytes[20] ^= 0x80
                try weights.save()
            }
            try await expectModelRefusal("scheduler", ["scheduler", "no such directory"]) {
                try FileManager.default.removeItem(atPath: $0)
            }
            try await expectModelRefusal("unet", ["KDownBlock2D", "down_block_types"]) {
                try replace(
                    "\"DownBlock2D\"", with: "\"KDownBlock2D\"", inFile: "\($0)/config.json")
            }
            try await expectModelRefusal("scheduler", ["MagicScheduler", "DDIMScheduler"]) {
                try replace(
                    "\"DDIMScheduler\"", with: "\"MagicScheduler\"",
                    inFile: "\($0)/scheduler_config.json")
            }
        }

        /// Errors that only a worker detects are reported once, in the worker's own words.
        @Test func weightsOfTheWrongShape() async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "unet")
            try replace(
                "\"layers_per_block\": 1", with: "\"layers_per_block\": 2",
                inFile: "\(model)/unet/config.json")
            let ending = try await studio.draw(
                "-p", "a", "-m", model, "--local-workers", "2", "-t", "2")
            #expect(ending.code == 2, "\(ending)")
            #expect(count("retom-worker: ", in: ending.errorOutput) == 1, "\(ending)")
            #expect(ending.errorOutput.contains("missing"), "\(ending)")
            #expect(ending.errorOutput.contains("one and the same model"), "\(ending)")
            #expect(studio.names() ?? [] == [])
        }

        @Test func unusableDirectories() async throws {
            let studio = try Studio()
            try studio.directory.write([], to: "file")
            for out in ["file", "file/below", "/proc/retom", "/dev/full"] {
                let ending = try await studio.draw("-p", "a", out: out)
                #expect(ending.code == 2, "\(out): \(ending)")
                #expect(ending.errorOutput.contains("choose another"), "\(out): \(ending)")
            }
        }

        /// No file may exceed the limit: simulates a full disk.
        @Test func fullDisk() async throws {
            let studio = try Studio()
            let early = try await studio.draw(
                "-p", "a", preparations: "ulimit -f 1")
            expectRefusal(early, ["out", "File too large", "-o"], studio)

            // There is room for the first check, but not for the run's database.
            let next = try await studio.draw("-p", "a", preparations: "ulimit -f 16")
            expectRefusal(next, ["out/run.sqlite", "no image was accepted"], studio)

            // There is room for the database, but not for a picture.
            let late = try await studio.draw(
                "-p", "a", "-b", "2", "-W", "512", "-H", "512",
                preparations: "ulimit -f 400")
            #expect(late.code == 2, "\(late)")
            #expect(count("cannot write out/", in: late.errorOutput) == 1, "\(late)")
            #expect(count("resume with --resume", in: late.errorOutput) == 1, "\(late)")
            let names = try #require(studio.names())
            #expect(names.allSatisfy { !$0.hasSuffix(".tmp") && !$0.hasSuffix(".png") }, "\(names)")
            #expect(
                try studio.images().allSatisfy {
                    ["pending", "sampled"].contains($0["status"] as? String)
                })
        }

        private func expectModelRefusal(
            _ component: String, _ parts: [String], _ damage: (String) throws -> Void
        ) async throws {
            let studio = try Studio()
            let model = try studio.model(changing: component)
            try damage("\(model)/\(component)")
            let ending = try await studio.draw("-p", "a", "-m", model)
            expectRefusal(ending, parts, studio)
        }

        private func expectRefusal(
            _ ending: RunningProgram.Ending, _ parts: [String], _ studio: Studio
        ) {
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.output.isEmpty, "\(ending)")
            for part in parts { #expect(ending.errorOutput.contains(part), "\(ending)") }
            #expect(studio.names() ?? [] == [])
        }
    }
}
