// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// The promises of `retom-eval table1`, `table2`, `figure2`: plan, generate, measure, report.
    @Suite struct EvidenceTests {
        private func run(
            _ program: String, _ studio: Studio, _ arguments: String...
        ) async throws -> RunningProgram.Ending {
            try await RunningProgram(program, arguments, in: studio.directory).ending()
        }

        @Test func aTableGrowsOverSeveralRuns() async throws {
            let studio = try Studio()
            for (from, images) in [("0", "1"), ("1", "2")] {
                let plan = try await run(
                    "retom-eval", studio, "table2", "plan", "--from", from, "--images", images,
                    "--steps", "2", "--sampling-method", "ddim", "-o", "plan.jsonl")
                #expect(plan.code == 0, "\(plan)")
                let drawn = try await run(
                    "retom-coord", studio, "--prompts", "plan.jsonl", "-o", "run-\(from)", "-t", "2"
                )
                #expect(drawn.code == 0, "\(drawn)")
                let measured = try await run(
                    "retom-eval", studio, "table2", "measure", "run-\(from)", "--data", "data")
                #expect(measured.code == 0, "\(measured)")
            }
            let timed = try await run(
                "retom-eval", studio, "table2", "time", "--rounds", "1", "--data", "data",
                "--steps", "2", "--sampling-method", "ddim")
            #expect(timed.code == 0, "\(timed)")
            let report = try await run(
                "retom-eval", studio, "table2", "report", "--data", "data", "-o", "out")
            #expect(report.code == 0, "\(report)")
            #expect(report.output.contains("3 pictures per row"))
            #expect(report.output.contains("| ReToM, adaptive, least representative |"))
            let names = try #require(studio.names())
            for name in ["index.html", "table2.csv", "table2.md", "table2-fid.svg"] {
                #expect(names.contains(name), "\(names)")
            }
            // The same picture again changes nothing.
            let path = "\(studio.directory.path)/data/retom.safetensors"
            let before = try Data(contentsOf: URL(filePath: path))
            let again = try await run(
                "retom-eval", studio, "table2", "measure", "run-0", "run-1", "--data", "data")
            #expect(again.code == 0, "\(again)")
            #expect(try Data(contentsOf: URL(filePath: path)) == before)
            // Pictures with other steps don't mix.
            _ = try await run(
                "retom-eval", studio, "table2", "plan", "--images", "1", "--steps", "3",
                "--sampling-method", "ddim", "-o", "plan.jsonl")
            _ = try await run("retom-coord", studio, "--prompts", "plan.jsonl", "-o", "run-2")
            let other = try await run(
                "retom-eval", studio, "table2", "measure", "run-2", "--data", "data")
            #expect(other.code == 2 || other.code == 1, "\(other)")
            #expect(other.errorOutput.contains("steps 3, not 2"), "\(other)")
        }

        @Test func figure2PutsPicturesSideBySide() async throws {
            let studio = try Studio()
            let plan = try await run(
                "retom-eval", studio, "figure2", "plan", "--images", "1", "--steps", "2", "-o",
                "plan.jsonl")
            #expect(plan.code == 0, "\(plan)")
            let drawn = try await run(
                "retom-coord", studio, "--prompts", "plan.jsonl", "-o", "out", "-t", "2")
            #expect(drawn.code == 0, "\(drawn)")
            let report = try await run("retom-eval", studio, "figure2", "report", "out")
            #expect(report.code == 0, "\(report)")
            let sheet = try PNG.decode(try studio.bytes("figure2.png")).image
            #expect(sheet.width == 8 + 3 * 264)
            let page = String(decoding: try studio.bytes("figure2.html"), as: UTF8.self)
            #expect(page.contains("SSIM"))
        }

        @Test func badInputGivesOneClearError() async throws {
            let studio = try Studio()
            try studio.directory.write(Array("[]".utf8), to: "empty.json")
            for (arguments, part) in [
                (["table1", "measure", "missing"], "missing has no readable report.json"),
                (["table1", "report", "--data", "none"], "no measurements in none"),
                (["table1", "plan", "--row", "x"], "--row x: choose from none, tome"),
                (["table1", "plan", "--class-prompt", "a photo"], "must contain {class}"),
                (["table1", "measure", "r", "--clip", "c"], "--clip needs --inception FILE"),
                (["table1", "plan", "--images", "0"], "--images 0: choose"),
                (["table1", "time", "--rounds", "0"], "--rounds 0: choose 1 or more"),
            ] {
                let ending = try await RunningProgram(
                    "retom-eval", arguments, in: studio.directory
                ).ending()
                #expect(ending.code != 0, "\(arguments)")
                #expect(ending.errorOutput.contains(part), "\(arguments): \(ending)")
            }
        }
    }
}
