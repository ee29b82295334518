// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Glibc
import ImageCodec
import Runs
import TestSupport
import Testing
import WireProtocol

extension EndToEndTests {
    /// Data damaged, or requests changed, between two sessions of a run.
    @Suite struct DamagedRunTests {
        @Test func damagedPicturesAreMadeAgain() async throws {
            let studio = try Studio()
            let batch = ["-p", "a red house", "-b", "4", "--save-latents"]
            #expect(try await studio.start(batch).ending().code == 0)
            #expect(try await studio.start(batch, out: "quiet").ending().code == 0)
            let files = ["00000-100.png", "00001-101.png", "00002-102.safetensors"]
            try studio.directory.write([UInt8](), to: "out/\(files[0])")
            for name in files.dropFirst() {
                let bytes = try studio.bytes(name)
                try studio.directory.write(Array(bytes.prefix(bytes.count / 2)), to: "out/\(name)")
            }
            // This one has nothing left to decode.
            let digest = try #require(try studio.images()[1]["latent_sha256"] as? String)
            try studio.remove("latents/\(digest).f32")
            let decoded = try await studio.decode("--json")
            #expect(
                decoded.code == 1 && count("image_written", in: decoded.output) == 2, "\(decoded)")
            let resumed = try await studio.resume().ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(resumed.errorOutput.contains("latents of image 1 are gone"), "\(resumed)")
            try studio.expectEqual("out", "quiet", count: 4)
        }

        @Test func damageIsReportedByName() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a", "-b", "3").code == 0)
            let bytes = try studio.bytes("00001-101.png")
            var flipped = bytes
            flipped[bytes.count / 2] ^= 1
            try studio.directory.write(flipped, to: "out/00001-101.png")
            let resumed = try await studio.resume().ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(resumed.errorOutput.contains("picture of image 1"), "\(resumed)")
            #expect(!resumed.errorOutput.contains("image 0"), "\(resumed)")
            #expect(try studio.pixels("00001-101.png").width == 64)
        }

        /// Stores latents for an image of a killed run, as a broken worker would have.
        private func store(_ latents: GeneratedLatents, of item: Int, in studio: Studio) throws {
            let store = try RunStore.open(directory: studio.directory.file("out"))
            try store.write(latents, sha256: latents.sha256)
            let sampled = SampledImage(latents: latents, sha256: latents.sha256)
            let result = ImageResult(
                image: ImageNumber(item), worker: "broken:1", kernelClass: "k", attempt: 1,
                facts: sampled.facts)
            try store.commit([.result(result)])
        }

        @Test(arguments: [(1, 8), (4, 4)])
        func undecodableLatentsAreSampledAgain(_ channels: Int, _ side: Int) async throws {
            let studio = try Studio()
            let batch = ["-p", "a", "-b", "2", "--steps", "60", "--save-latents"]
            #expect(try await studio.start(batch, out: "quiet").ending().code == 0)
            let run = try studio.start(batch + ["--json"])
            _ = try await run.line { $0.contains("\"run_accepted\"") }
            run.send(SIGKILL)
            _ = try await run.ending()
            let values = [Float](repeating: 0.5, count: channels * side * side)
            try store(
                GeneratedLatents(channels: channels, height: side, width: side, values: values),
                of: 1, in: studio)
            for _ in 0..<2 {
                let resumed = try await studio.resume().ending()
                #expect(resumed.code == 1, "\(resumed)")
                #expect(resumed.errorOutput.contains("image 1 can't be decoded"), "\(resumed)")
                #expect(resumed.errorOutput.contains("--resume --retry-failed"), "\(resumed)")
                #expect(try studio.images()[1]["status"] as? String == "failed")
            }
            #expect(try await studio.decode().code == 1)
            #expect((try studio.images()[1]["reasons"] as? [String])?.count == 1)
            let again = try await studio.resume("--retry-failed").ending()
            #expect(again.code == 0, "\(again)")
            try studio.expectEqual("out", "quiet", count: 2)
            #expect(studio.names(out: "out/latents")?.count == 2)
        }

        @Test func aRunIsNeverSilentlyComputedInTwoWays() async throws {
            let studio = try Studio()
            let first = try await studio.worker("--precision", "f32")
            let hosts = try studio.hosts(first.address, name: "first.txt")
            let batch = ["-p", "a", "-b", "4", "--steps", "40", "--precision", "f32"]
            let run = try studio.start(batch + ["--json", "--workers", hosts])
            _ = try await run.line { $0.contains("\"image_written\"") }
            run.send(SIGKILL)
            _ = try await run.ending()
            for words in [["--resume"], batch + ["--begin-or-resume", "-s", "100"]] {
                let refused = try await RunningProgram(
                    "retom-coord",
                    words + Studio.quick.suffix(2) + ["-o", "out", "--backend", "openblas"]
                        + ["--precision", "bf16"], in: studio.directory
                ).ending()
                #expect(refused.code == 2, "\(refused)")
                #expect(refused.errorOutput.contains("--precision bf16: the run began with f32"))
            }
            let second = try await studio.worker("--precision", "f32", "--backend", "openblas")
            let others = try studio.hosts(second.address, name: "second.txt")
            let resumed = try await studio.resume("--workers", others).ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(count("images so far were sampled with", in: resumed.errorOutput) == 1)
            let images = try studio.images()
            #expect(Set(images.compactMap { $0["kernel_class"] as? String }).count == 2)
            #expect(images.allSatisfy { $0["decode_class"] is String })
        }

        @Test func statusReportsWhatTheDatabaseHolds() async throws {
            let studio = try Studio()
            let run = try studio.start(["-p", "a", "-b", "3", "--steps", "60", "--json"])
            _ = try await run.line { $0.contains("\"image_written\"") }
            run.send(SIGKILL)
            _ = try await run.ending()
            for name in ["status.json", "report.json"] {
                try? studio.remove(name)
            }
            let before = try studio.bytes("run.sqlite-wal")
            let status = try await RunningProgram(
                "retom-coord", ["status", "out"], in: studio.directory
            ).ending()
            #expect(status.code == 1, "\(status)")
            #expect(status.output.contains("of 3 images written, 0 failed"), "\(status)")
            #expect(status.output.contains("--resume continues"), "\(status)")
            let json = try await RunningProgram(
                "retom-coord", ["status", "out", "--json"], in: studio.directory
            ).ending()
            let account = try #require(try events(json.output)[0]["account"] as? [String: Int])
            #expect(account["total"] == 3 && (account["written"] ?? 0) >= 1, "\(json)")
            #expect(try studio.bytes("run.sqlite-wal") == before)
        }

        /// A prompt that changed on disk is not generated.
        @Test func aChangedPromptIsNamed() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a red house").code == 0)
            var bytes = try studio.bytes("run.sqlite")
            let place = try #require(
                (0..<bytes.count - 9).last { Array(bytes[$0..<$0 + 9]) == Array("red house".utf8) })
            bytes[place] = UInt8(ascii: "b")
            try studio.directory.write(bytes, to: "out/run.sqlite")
            for words in [["--resume", "-o", "out"], ["decode", "out"], ["status", "out"]] {
                let ending = try await RunningProgram(
                    "retom-coord", words, in: studio.directory
                ).ending()
                #expect(ending.errorOutput.contains("not those that were accepted"), "\(ending)")
                #expect(ending.code == (words[0] == "status" ? 0 : 2), "\(ending)")
            }
        }

        /// Nor is anything put right before the run is resumed.
        @Test(arguments: EarlierRun.allCases)
        func aCommandThatIsRefusedChangesNothing(_ earlier: EarlierRun) async throws {
            let studio = try Studio()
            _ = try earlier.copy(to: studio.directory, as: "out")
            // Files that resuming would note as lost.
            for name in ["00000-100.png", "latents/\(earlier.digest).f32"] {
                try studio.remove(name)
            }
            try studio.directory.write("{}", to: "out/status.json")
            let names = ["run.sqlite", "run.sqlite-wal", "status.json"]
            let before = try names.map { try studio.bytes($0) }
            let refused: [(words: [String], complaint: String)] = [
                (["status", "out"], "the coordinator is gone"),
                (["--resume", "-o", "out", "--precision", "bf16"], "the run began with f32"),
                (
                    ["-p", "a blue house", "--begin-or-resume", "-o", "out"],
                    "begun with other prompts"
                ),
                (["-p", "a blue house", "-o", "out"], "already holds a run"),
                (["--resume", "-o", "out", "--model", "nowhere"], "nowhere"),
                (["decode", "out", "--model", "nowhere"], "nowhere"),
            ]
            for (words, complaint) in refused {
                let ending = try await RunningProgram(
                    "retom-coord", words, in: studio.directory
                ).ending()
                #expect(ending.code == (words[0] == "status" ? 1 : 2), "\(ending)")
                #expect(
                    (ending.output + ending.errorOutput).contains(complaint),
                    "\(complaint): \(ending)")
                #expect(try names.map { try studio.bytes($0) } == before, "\(words)")
            }
        }

        /// Also with a checkpoint of that version, which can't be used.
        @Test(arguments: EarlierRun.allCases)
        func aRunOfAnEarlierVersionIsResumed(_ earlier: EarlierRun) async throws {
            let studio = try Studio()
            _ = try earlier.copy(to: studio.directory, as: "out")
            let picture = try studio.bytes("00000-100.png")
            let resumed = try await studio.resume("--json").ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(count("image_kept", in: resumed.output) == 1, "\(resumed)")
            #expect(try studio.bytes("00000-100.png") == picture)
            let images = try studio.images()
            #expect(images.count == 3 && images[0]["latent_sha256"] as? String == earlier.digest)
            #expect(images.allSatisfy { $0["status"] as? String == "written" })
        }
    }
}
