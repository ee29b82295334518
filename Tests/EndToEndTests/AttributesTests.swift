// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// The promises of `retom-eval attributes`.
    @Suite struct AttributesTests {
        /// Pictures of the judge's size, in few steps.
        private static let quick = ["--steps", "2", "-t", "1", "-s", "5"]

        private func judge(
            _ studio: Studio, _ arguments: String..., out: String = "out"
        ) async throws -> RunningProgram.Ending {
            try await RunningProgram(
                "retom-eval", ["attributes"] + Self.quick + ["-o", out] + arguments,
                in: studio.directory
            ).ending()
        }

        private func settings(_ studio: Studio, out: String) throws -> [[String: Any]] {
            let json = try JSONSerialization.jsonObject(
                with: Data(try studio.bytes("attributes.json", out: out)))
            return try #require((json as? [String: Any])?["settings"] as? [[String: Any]])
        }

        /// Generated pictures get the same scores when read back, and identical pictures differ in
        /// no attribute.
        @Test func picturesDrawnAndReadBackGetTheSameScores() async throws {
            let studio = try Studio()
            let drawn = try await judge(
                studio, "--prompt-count", "2", "--setting", "none: --merge none", "--setting",
                "same: --merge retom --merge-ratio 0")
            #expect(drawn.code == 0, "\(drawn)")
            #expect(drawn.output.contains("none: 2 pictures"))
            #expect(drawn.output.contains("points to none"))
            #expect(
                try #require(studio.names()).filter { !$0.hasPrefix("worst") } == [
                    "attributes.json", "none", "run.lock", "same",
                ])
            let names = ["00000-5.png", "00001-6.png", "run.lock"]
            #expect(studio.names(out: "out/none") == names)
            #expect(studio.names(out: "out/same") == names)
            let first = try settings(studio, out: "out")
            let scores = try #require(first[1]["attributes"] as? [[String: Any]])
            #expect(scores.count == 9)
            for score in scores {
                guard let difference = score["difference"] as? [String: Any] else { continue }
                #expect(difference["points"] as? Double == 0)
            }

            let judged = try await judge(studio, "out/none", "out/same", out: "again")
            #expect(judged.code == 0, "\(judged)")
            let second = try settings(studio, out: "again")
            #expect(second.map { $0["name"] as? String } == ["out/none", "out/same"])
            for (before, after) in zip(first, second) {
                let (old, new) = (before["attributes"] as? NSArray, after["attributes"] as? NSArray)
                #expect(old != nil && old == new)
            }
        }

        @Test func badInputGivesOneClearError() async throws {
            let studio = try Studio()
            try studio.directory.write(
                try PNG.encode(RGBImage(width: 512, height: 512)), to: "large/00000.png")
            let texts = [PNGText(keyword: "parameters", text: "a red house")]
            try studio.directory.write(
                try PNG.encode(RGBImage(width: 256, height: 256), texts: texts),
                to: "other/00000.png")
            try studio.directory.write(
                try PNG.encode(RGBImage(width: 256, height: 256)), to: "many/00200.png")
            for (arguments, part) in [
                (["-W", "64", "-H", "64"], "-W 256 -H 256"),
                (["large"], "large, picture 0: the judge knows pictures of 256×256"),
                (["other"], "generated from \"a red house\""), (["many"], "only 200 prompts"),
                (["missing"], "cannot read missing"), (["--prompts", "x.json"], "x.json"),
                (["large", "--setting", "a: --merge tome"], "not both"),
                (["--merge", "tome", "--setting", "a: --merge tome"], "into each --setting"),
                (["-b", "2"], "--batch-count"), (["--prompt-count", "0"], "--prompt-count 0"),
            ] {
                let ending = try await RunningProgram(
                    "retom-eval", ["attributes"] + Self.quick + ["-o", "out"] + arguments,
                    in: studio.directory
                ).ending()
                #expect(ending.code == 2, "\(arguments): \(ending)")
                #expect(ending.errorOutput.contains(part), "\(arguments): \(ending)")
            }
        }
    }
}
