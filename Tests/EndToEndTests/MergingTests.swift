// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    /// Token merging from the command line.
    @Suite struct MergingTests {
        /// `tokenMerging` of the first image in the report.
        private func report(_ studio: Studio, out: String) throws -> [String: Any] {
            try #require(try studio.images(out: out)[0]["token_merging"] as? [String: Any])
        }

        @Test func reToMMergesByDefault() async throws {
            let studio = try Studio()
            let merged = try await studio.draw("-p", "a red house", "-q", out: "merged")
            #expect(merged.code == 0, "\(merged)")
            let plain = try await studio.draw(
                "-p", "a red house", "-q", "--merge", "none", out: "plain")
            #expect(plain.code == 0, "\(plain)")
            let retom = try report(studio, out: "merged")
            // Three blocks at the highest resolution, two calls, p = 5.
            #expect(retom["plans_computed"] as? Int == 3)
            #expect(retom["plans_reused"] as? Int == 3)
            let before = try #require(retom["tokens_before"] as? Int)
            #expect(before == 2 * 2 * 3 * 64)
            #expect(retom["tokens_after"] as? Int == before / 2)
            // 64 members, 33 offsets and 64 slots of 4 bytes per block; scratch is one block's.
            #expect(retom["plan_bytes"] as? Int == 3 * 4 * (64 + 33 + 64))
            let scratch = try #require(retom["scratch_bytes"] as? Int)
            #expect(scratch > 2 * 64 * 8 && scratch < 1 << 16, "\(scratch)")
            #expect(try studio.images(out: "plain")[0]["token_merging"] == nil)
            #expect(
                try studio.bytes("00000-100.png", out: "merged")
                    != studio.bytes("00000-100.png", out: "plain"))
        }

        @Test(arguments: ["tome", "atc", "importance", "todo"])
        func everyMethodGenerates(method: String) async throws {
            let studio = try Studio()
            let ending = try await studio.draw("-p", "a red house", "-q", "--merge", method)
            #expect(ending.code == 0, "\(ending)")
            let merging = try report(studio, out: "out")
            let before = try #require(merging["tokens_before"] as? Int)
            let after = try #require(merging["tokens_after"] as? Int)
            #expect(after < before && after > 0)
        }

        @Test(
            arguments: [
                (["--merge-ratio", "1.5"], "--merge-ratio"),
                (["--merge", "magic"], "choose --merge none|retom"),
                (["--merge", "importance", "--cfg-scale", "1"], "raise --cfg-scale"),
                (["--merge-window", "0"], "--merge-window"),
            ])
        func badInputGivesOneClearError(options: [String], part: String) async throws {
            let studio = try Studio()
            let ending = try await studio.start(["-p", "a"] + options, out: "out").ending()
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.errorOutput.contains(part), "\(ending)")
            #expect((studio.names() ?? []) == [])
        }

        /// Merging that no worker could perform is detected before any is started, and reported
        /// once.
        @Test func impossibleMergingIsReportedOnce() async throws {
            let studio = try Studio()
            let prompts = ["-p", "a", "-p", "b"]
            let large = try await studio.start(
                prompts + ["--merge", "atc", "-W", "1024", "-H", "1024"]
            ).ending()
            #expect(large.code == 2, "\(large)")
            #expect(count("16384 tokens", in: large.errorOutput) == 1, "\(large)")
            #expect(large.errorOutput.split(separator: "\n").count == 1, "\(large)")
            let lines = """
                a cat
                {"prompt": "a", "cfg_scale": 1, "token_merging": {"method": "importance"}}
                """
            try studio.directory.write(Array(lines.utf8), to: "list.txt")
            let unguided = try await studio.start(["--prompts", "list.txt"]).ending()
            #expect(unguided.code == 2, "\(unguided)")
            #expect(unguided.errorOutput.contains("list.txt:2: --merge importance"), "\(unguided)")
            #expect((studio.names() ?? []) == [])
        }

        /// Requests of a report, fed back as prompts, are the same requests.
        @Test(arguments: ["none", "retom", "todo"])
        func reportsCanBeGeneratedAgain(method: String) async throws {
            let studio = try Studio()
            let first = try await studio.draw(
                "-p", "a red house", "-q", "--merge", method, out: "first")
            #expect(first.code == 0, "\(first)")
            let image = try studio.images(out: "first")[0]
            let request = try #require(image["request"] as? [String: Any])
            let merging = try #require(request["token_merging"] as? [String: Any])
            #expect(merging["method"] as? String == method)
            let line = try JSONSerialization.data(withJSONObject: request)
            try studio.directory.write(Array(line), to: "list.txt")
            let second = try await studio.start(
                ["--prompts", "list.txt", "-q", "-s", "7"], out: "second"
            ).ending()
            #expect(second.code == 0, "\(second)")
            let again = try studio.images(out: "second")[0]
            #expect(again["latent_sha256"] as? String == image["latent_sha256"] as? String)
            let repeated = try #require(again["request"] as? [String: Any])
            #expect(NSDictionary(dictionary: repeated) == NSDictionary(dictionary: request))
        }
    }
}
