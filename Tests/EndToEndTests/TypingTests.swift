// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    /// Typed and piped input arrives as intended, or is refused.
    @Suite struct TypingTests {
        private func prompts(_ studio: Studio, out: String = "out") throws -> [String] {
            try studio.images(out: out).map { image in
                let request = try #require(image["request"] as? [String: Any])
                return try #require(request["prompt"] as? String)
            }
        }

        @Test func valuesMayBeginWithHyphens() async throws {
            let studio = try Studio()
            let ending = try await studio.draw("-p", "- a house", "-n", "-blurry", "-s", "-1")
            #expect(ending.code == 0, "\(ending)")
            #expect(try prompts(studio) == ["- a house"])
            let request = try #require(try studio.images()[0]["request"] as? [String: Any])
            #expect(request["negative_prompt"] as? String == "-blurry")
            let unmeant = try await studio.draw("-p", "--steps", "5", out: "none")
            #expect(unmeant.code == 2, "\(unmeant)")
            #expect(unmeant.errorOutput.contains("Missing value for '-p <text>'"), "\(unmeant)")
            #expect(studio.names(out: "none") == nil)
        }

        /// Arguments from a Latin-1 terminal, for every program and option.
        @Test func otherEncodingsAreRefused() async throws {
            let studio = try Studio()
            for option in ["-p", "-o", "-m", "--workers"] {
                let ending = try await studio.draw(
                    "-p", "a",
                    preparations: "set -- \"$@\" \(option) \"$(printf 'caf\\351')\"")
                #expect(ending.code == 2, "\(option): \(ending)")
                #expect(
                    ending.errorOutput.contains("is not UTF-8 text: $'caf\\xe9'"),
                    "\(option): \(ending)")
                #expect(studio.names() == nil)
            }
            for (name, word) in [("retom-worker", "--name"), ("retom-eval", "compare")] {
                let ending = try await RunningProgram(
                    name, [word], in: studio.directory,
                    preparations: "set -- \"$@\" \"$(printf 'caf\\351')\""
                ).ending()
                #expect(ending.code == 2, "\(name): \(ending)")
                #expect(ending.errorOutput.contains("$'caf\\xe9'"), "\(name): \(ending)")
            }
        }

        @Test func aDirectoryWithoutASpellingIsWrittenToButHoldsNoModels() async throws {
            let studio = try Studio()
            let enter = "d=$(printf 'caf\\351'); mkdir -p \"$d\"; cd \"$d\""
            let model = try await studio.draw("-p", "a", "-m", "model", preparations: enter)
            #expect(model.code == 2, "\(model)")
            #expect(model.errorOutput.contains("is not UTF-8 text"), "\(model)")
            let drawn = try await studio.draw(
                "-p", "a", out: "out", preparations: "\(enter); ln -s \"$d\" ../link 2>&-; :")
            #expect(drawn.code == 0, "\(drawn)")
            #expect(studio.names(out: "link/out")?.contains("report.json") == true)
        }

        @Test func hostsComeFromPipesToo() async throws {
            let studio = try Studio()
            let worker = try await studio.worker()
            _ = try studio.hosts(worker.address)
            let ending = try await studio.draw(
                "-p", "a", "--workers", "pipe",
                preparations: "mkfifo pipe; { cat hosts.txt > pipe & }")
            #expect(ending.code == 0, "\(ending)")
        }

        @Test func jsonFilesAreReadWholeNotByLine() async throws {
            let studio = try Studio()
            try studio.directory.write(
                Array("# x\n[\"a red house\",\n {\"prompt\": \"(b:1.2)\", \"seed\": 3}]\n".utf8),
                to: "list.json")
            let drawn = try await studio.draw("--prompts", "list.json", "-q")
            #expect(drawn.code == 0, "\(drawn)")
            #expect(try prompts(studio) == ["a red house", "(b:1.2)"])
            #expect(drawn.errorOutput.contains("1 line begins with # and was skipped"), "\(drawn)")
            #expect(
                drawn.errorOutput.contains("(b:1.2) in list.json, entry 2"), "\(drawn)")
            let report = try await studio.draw("--prompts", "out/report.json", out: "none")
            #expect(report.code == 2, "\(report)")
            #expect(report.errorOutput.contains("out/report.json is the report of a run"))
            #expect(studio.names(out: "none") == nil)
        }
    }
}
