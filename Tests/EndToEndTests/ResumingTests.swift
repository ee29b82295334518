// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Glibc
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// Killed coordinators and resumed runs.
    @Suite struct ResumingTests {
        static let batch = [
            "-p", "a red house", "-p", "a tent", "-b", "8", "--steps", "12", "--save-latents",
        ]

        /// Pixels and latents of a run by name; texts in pictures contain times and attempts.
        private func files(_ studio: Studio, out: String) throws -> [String: [UInt8]] {
            var files: [String: [UInt8]] = [:]
            for name in studio.names(out: out) ?? [] where name.hasPrefix("000") {
                let bytes = try studio.bytes(name, out: out)
                files[name] = name.hasSuffix(".png") ? try PNG.decode(bytes).image.bytes : bytes
            }
            return files
        }

        @Test func aRunKilledAgainAndAgainLosesAndChangesNothing() async throws {
            let studio = try Studio()
            let quiet = try await studio.start(Self.batch, out: "quiet").ending()
            #expect(quiet.code == 0, "\(quiet)")
            var run = try studio.start(Self.batch + ["--json"], out: "killed")
            // Each session is killed at a different kind of moment, and resumes with other workers.
            let moments = [
                "\"run_accepted\"", "\"image_progress\"", "\"image_sampled\"", "\"image_written\"",
                "\"image_written\"",
            ]
            for (life, moment) in moments.enumerated() {
                _ = try await run.line { $0.contains(moment) }
                run.send(SIGKILL)
                let ending = try await run.ending()
                #expect(ending.code == 128 + SIGKILL, "\(ending)")
                run = try RunningProgram(
                    "retom-coord",
                    [
                        "--resume", "-o", "killed", "--json", "-t", "\(life % 2 + 1)",
                        "--local-workers", "\(life % 2 + 1)",
                    ], in: studio.directory)
            }
            let last = try await run.ending()
            #expect(last.code == 0, "\(last)")
            let expected = try files(studio, out: "quiet")
            #expect(expected.count == 32)
            #expect(try files(studio, out: "killed") == expected)
            let account = try #require(try studio.report(out: "killed")["run"] as? [String: Any])
            #expect(account["lives"] as? Int == moments.count + 1)
            #expect(account["images_written"] as? Int == 16)
            // Images of an earlier session were not generated again.
            let kept = try events(last.output).count { $0["event"] as? String == "image_kept" }
            let drawn = try events(last.output).count { $0["event"] as? String == "image_sampled" }
            #expect(kept >= 1 && kept + drawn <= 16)
        }

        /// A worker is killed in the middle of an image; the other one resumes it.
        @Test func aKilledWorkersImageResumesElsewhere() async throws {
            let studio = try Studio()
            let first = try await studio.worker()
            let second = try await studio.worker()
            let one = try studio.hosts(second.address, name: "one.txt")
            let two = try studio.hosts(first.address, second.address, name: "two.txt")
            let drawing = [
                "-p", "a red house", "-b", "6", "--steps", "60", "-W", "192", "-H", "192",
                "--checkpoint-every", "4", "--save-latents", "--json",
            ]
            let quiet = try await studio.start(drawing + ["--workers", one], out: "quiet").ending()
            #expect(quiet.code == 0, "\(quiet)")
            let run = try studio.start(drawing + ["--workers", two], out: "killed")
            // A fast machine does not report every step.
            _ = try await run.line { line in
                line.contains("\"image_progress\"") && line.contains(first.address)
                    && (29..<36).contains { line.contains("\"step\":\($0),") }
            }
            first.program.send(SIGKILL)
            let ending = try await run.ending()
            #expect(ending.code == 0, "\(ending)")
            let resumed = try studio.images(out: "killed").compactMap {
                $0["resumed_from_step"] as? Int
            }
            #expect(resumed.contains { $0 >= 28 && $0 < 60 }, "\(ending)")
            #expect(try files(studio, out: "killed") == files(studio, out: "quiet"))
        }

        @Test func missingPicturesAreDecodedAgain() async throws {
            let studio = try Studio()
            let first = try await studio.draw("-p", "a red house", "-b", "3")
            #expect(first.code == 0, "\(first)")
            let expected = try files(studio, out: "out")
            try FileManager.default.removeItem(
                atPath: studio.directory.file("out/00001-101.png"))
            let again = try await RunningProgram(
                "retom-coord", ["decode", "out", "-t", "1"], in: studio.directory
            ).ending()
            #expect(again.code == 0, "\(again)")
            #expect(try files(studio, out: "out") == expected)
            // Missing latents are sampled again by a resumed run.
            try FileManager.default.removeItem(
                atPath: studio.directory.file("out/00001-101.png"))
            let folder = studio.directory.file("out/latents")
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                try Data([1]).write(to: URL(filePath: "\(folder)/\(name)"))
            }
            let resumed = try await resume(studio)
            #expect(resumed.code == 0, "\(resumed)")
            #expect(resumed.errorOutput.contains("image 1 are gone or damaged"), "\(resumed)")
            #expect(try files(studio, out: "out") == expected)
        }

        /// One command, restarted until it is finished, as services and batch systems do.
        @Test func aRestartedCommandResumes() async throws {
            let studio = try Studio()
            func start(_ arguments: String...) throws -> RunningProgram {
                try RunningProgram(
                    "retom-coord",
                    [
                        "-b", "6", "--begin-or-resume", "-o", "out", "--json", "-t", "1",
                        "-W", "64", "-H", "64", "--steps", "12",
                    ] + arguments, in: studio.directory)
            }
            let killed = try start("-p", "a red house")
            _ = try await killed.line { $0.contains("\"image_written\"") }
            killed.send(SIGKILL)
            #expect(try await killed.ending().code == 128 + SIGKILL)
            let seed = try Self.firstSeed(in: studio)
            let second = try await start("-p", "a red house").ending()
            #expect(second.code == 0, "\(second)")
            // The random seed is chosen once.
            #expect(try Self.firstSeed(in: studio) == seed)
            #expect(try studio.images().count { $0["status"] as? String == "written" } == 6)
            let third = try await start("-p", "a red house").ending()
            #expect(third.code == 0, "\(third)")
            #expect(!third.output.contains("\"image_sampled\""), "\(third)")
            let other = try await start("-p", "a blue house").ending()
            #expect(other.code == 2, "\(other)")
            #expect(other.errorOutput.contains("was begun with other prompts"), "\(other)")
        }

        /// The seed of image 0, from the name of any picture: its own may not be there yet.
        private static func firstSeed(in studio: Studio) throws -> UInt64 {
            let name = try #require(studio.names()?.first { $0.hasPrefix("0000") })
            let seed = try #require(UInt64(name.dropFirst(6).prefix { $0 != "." }))
            return seed - (try #require(UInt64(name.prefix(5))))
        }

        @Test func sampledNowDecodedLater() async throws {
            let studio = try Studio()
            let whole = try await studio.draw("-p", "a red house", "-b", "2", out: "whole")
            #expect(whole.code == 0, "\(whole)")
            let sampled = try await studio.draw(
                "-p", "a red house", "-b", "2", "--decode-on", "none")
            #expect(sampled.code == 0, "\(sampled)")
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "sampled" })
            #expect(try files(studio, out: "out").isEmpty)
            let decoded = try await RunningProgram(
                "retom-coord", ["decode", "out", "-t", "1"], in: studio.directory
            ).ending()
            #expect(decoded.code == 0, "\(decoded)")
            #expect(try files(studio, out: "out") == files(studio, out: "whole"))
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "written" })
            #expect(studio.names()?.contains("grid-0000.png") == true)
        }

        @Test func aFinishedRunHasNothingToSample() async throws {
            let studio = try Studio()
            let first = try await studio.draw("-p", "a red house")
            #expect(first.code == 0, "\(first)")
            let resumed = try await resume(studio)
            #expect(resumed.code == 0, "\(resumed)")
            #expect(resumed.errorOutput.contains("nothing is left to sample"), "\(resumed)")
        }

        @Test func twoCoordinatorsDoNotShareADirectory() async throws {
            let studio = try Studio()
            let run = try studio.start(Self.batch + ["--json"])
            _ = try await run.line { $0.contains("\"run_accepted\"") }
            for words in [["--resume", "-o", "out"], ["decode", "out"]] {
                let second = try await RunningProgram(
                    "retom-coord", words, in: studio.directory
                ).ending()
                #expect(second.code == 2, "\(second)")
                #expect(second.errorOutput.contains("another run is writing"), "\(second)")
            }
            run.send(SIGKILL)
            _ = try await run.ending()
        }

        @Test func whatCannotResumeSaysWhatToDo() async throws {
            let studio = try Studio()
            let nothing = try await resume(studio)
            #expect(nothing.code == 2, "\(nothing)")
            #expect(nothing.errorOutput.contains("holds no run"), "\(nothing)")
            let first = try await studio.draw("-p", "a red house")
            #expect(first.code == 0, "\(first)")
            let options = try await resume(studio, "-p", "a tent")
            #expect(options.code == 2, "\(options)")
            #expect(options.errorOutput.contains("leave them out"), "\(options)")
            let other = try studio.model(changing: "vae")
            let config = "\(other)/vae/config.json"
            let text = try String(contentsOfFile: config, encoding: .utf8)
            try (text + "\n").write(toFile: config, atomically: true, encoding: .utf8)
            let model = try await resume(studio, "--model", other)
            #expect(model.code == 2, "\(model)")
            #expect(model.errorOutput.contains("VAE is"), "\(model)")
            try Data(repeating: 7, count: 4096).write(
                to: URL(filePath: studio.directory.file("out/run.sqlite")))
            let damaged = try await resume(studio)
            #expect(damaged.code == 2, "\(damaged)")
            #expect(damaged.errorOutput.contains("is damaged"), "\(damaged)")
        }

        private func resume(
            _ studio: Studio, _ words: String...
        ) async throws -> RunningProgram.Ending {
            try await RunningProgram(
                "retom-coord", ["--resume", "-o", "out", "-t", "1"] + words,
                in: studio.directory
            ).ending()
        }
    }
}
