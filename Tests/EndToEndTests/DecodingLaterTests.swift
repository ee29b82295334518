// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// `retom-coord decode` and the archive it reads.
    @Suite struct DecodingLaterTests {
        @Test func onlyWhatIsMissingIsDecodedUnlessAllIs() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a", "-b", "3").code == 0)
            let before = try (0..<3).map { try studio.pixels("0000\($0)-\(100 + $0).png") }
            let nothing = try await studio.decode("--json")
            #expect(nothing.code == 0 && !nothing.output.contains("image_written"), "\(nothing)")

            try studio.remove("00001-101.png")
            let one = try await studio.decode("--json")
            #expect(one.code == 0 && count("image_written", in: one.output) == 1, "\(one)")
            let all = try await studio.decode("--json", "--all")
            #expect(all.code == 0 && count("image_written", in: all.output) == 3, "\(all)")
            #expect(
                try (0..<3).map { try studio.pixels("0000\($0)-\(100 + $0).png") } == before)
        }

        /// Decoding does not sample: damaged images stay open for a resumed run, and are reported.
        @Test func damagedLatentsAreAFailure() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a", "-b", "2").code == 0)
            let digest = try #require(try studio.images()[1]["latent_sha256"] as? String)
            try studio.directory.write([1], to: "out/latents/\(digest).f32")
            let all = try await studio.decode("--all")
            #expect(all.code == 1, "\(all)")
            #expect(
                all.errorOutput.contains("image 1 are gone or damaged; its picture stays"), "\(all)"
            )
            try studio.remove("00001-101.png")
            for _ in 0..<2 {
                let decoded = try await studio.decode()
                #expect(decoded.code == 1, "\(decoded)")
                #expect(
                    decoded.errorOutput.contains("gone or damaged; --resume samples it again"),
                    "\(decoded)")
            }
            let resumed = try await studio.resume().ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(resumed.errorOutput.contains("1 image in"), "\(resumed)")
            #expect(resumed.errorOutput.contains(", 1 from before"), "\(resumed)")
        }

        @Test func unsampledImagesAreReported() async throws {
            let studio = try Studio()
            let run = try studio.start(["-p", "a", "-b", "4", "--steps", "60", "--json"])
            _ = try await run.line { $0.contains("\"image_sampled\"") }
            run.send(SIGKILL)
            _ = try await run.ending()
            try studio.directory.write("{}", to: "out/status.json")
            let decoded = try await studio.decode()
            #expect(decoded.code == 0, "\(decoded)")
            #expect(decoded.errorOutput.contains("have no latents yet; --resume"), "\(decoded)")
            #expect(!decoded.errorOutput.contains("resuming "), "\(decoded)")
            #expect(studio.names()?.contains("status.json") == false)
        }

        /// Options of `retom-coord` with the same names have other meanings.
        @Test func itsOptionsAreItsOwn() async throws {
            let studio = try Studio()
            let absent = try await studio.decode("-m", "absent")
            #expect(absent.code == 2, "\(absent)")
            #expect(absent.errorOutput.contains("holds no run"), "\(absent)")
            #expect(try await studio.draw("-p", "a").code == 0)
            let elsewhere = try await studio.decode("-m", "absent")
            #expect(elsewhere.code == 2, "\(elsewhere)")
            #expect(elsewhere.errorOutput.contains("absent"), "\(elsewhere)")
            let prompt = try await studio.decode("-p", "a")
            #expect(prompt.code == 2 && prompt.errorOutput.contains("-p"), "\(prompt)")
        }

        @Test func overwritingRemovesTheLatentsToo() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a cat", "-b", "3").code == 0)
            let old = try #require(studio.names(out: "out/latents"))
            #expect(old.count == 3)
            try studio.directory.write([1], to: "out/latents/mine.txt")
            #expect(try await studio.draw("-p", "a dog", "--overwrite").code == 0)
            let digest = try #require(try studio.images()[0]["latent_sha256"] as? String)
            #expect(studio.names(out: "out/latents") == ["\(digest).f32", "mine.txt"].sorted())
            #expect(studio.names()?.contains { $0.hasPrefix("run-new") } == false)
        }
    }
}
