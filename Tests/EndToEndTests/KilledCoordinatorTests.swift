// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// Coordinators killed at critical moments.
    @Suite struct KilledCoordinatorTests {
        static let batch = ["-p", "a red house", "-b", "6", "--steps", "20", "--save-latents"]

        /// Starts a run on a worker and kills it at an event.
        private func kill(
            _ studio: Studio, _ arguments: [String], at event: String
        ) async throws {
            let run = try studio.start(arguments + ["--json"])
            _ = try await run.line { $0.contains("\"\(event)\"") }
            run.send(SIGKILL)
            #expect(try await run.ending().code == 128 + SIGKILL, "\(run.errorOutput)")
        }

        /// There is no earlier run to replace, and the run itself must not be lost.
        @Test func overwritingNothingLosesNothing() async throws {
            let studio = try Studio()
            let quiet = try await studio.start(Self.batch, out: "quiet").ending()
            #expect(quiet.code == 0, "\(quiet)")
            try await kill(studio, Self.batch + ["--overwrite"], at: "image_sampled")
            let ending = try await studio.resume("--json").ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(count("image_started", in: ending.output) < 6, "\(ending)")
            try studio.expectEqual("out", "quiet", count: 6)
        }

        /// The run accepted last resumes, even if it had nothing yet to replace the earlier run.
        @Test func anOverwritingRunResumes() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a cat", "-b", "9", "--save-latents").code == 0)
            let quiet = try await studio.start(Self.batch, out: "quiet").ending()
            #expect(quiet.code == 0, "\(quiet)")
            try await kill(studio, Self.batch + ["--overwrite"], at: "run_accepted")
            #expect(studio.names()?.contains("00008-108.png") == true)
            // `decode` means the run that has something to decode.
            let decoded = try await studio.decode("--json", "--all")
            #expect(decoded.code == 0, "\(decoded)")
            #expect(count("image_written", in: decoded.output) == 9, "\(decoded)")
            let ending = try await studio.resume().ending()
            #expect(ending.code == 0, "\(ending)")
            try studio.expectEqual("out", "quiet", count: 6)
            #expect(studio.names()?.contains("00008-108.png") == false)
            #expect(studio.names(out: "out/latents")?.count == 6)
        }

        @Test func halfWrittenFilesAreRemoved() async throws {
            let studio = try Studio()
            try await kill(studio, Self.batch, at: "image_written")
            let digest = String(repeating: "0a", count: 32)
            let unfinished = [".00005-105.png.12.tmp", "latents/.\(digest).34.tmp"]
            for name in unfinished { try studio.directory.write([1], to: "out/\(name)") }
            try studio.directory.write([1], to: "out/.mine.tmp")
            let ending = try await studio.resume().ending()
            #expect(ending.code == 0, "\(ending)")
            for name in unfinished {
                #expect(
                    !FileManager.default.fileExists(atPath: studio.directory.file("out/\(name)")))
            }
            #expect(studio.names()?.contains(".mine.tmp") == true)
        }

        /// Fault 34: the frame that was being written when the machine stopped.
        @Test func aTornJournalLosesNothingThatWasAnnounced() async throws {
            let studio = try Studio()
            try await kill(studio, Self.batch, at: "image_sampled")
            let journal = try studio.bytes("run.sqlite-wal")
            try #require(!journal.isEmpty)
            try studio.directory.write(
                journal + [UInt8](repeating: 0xA5, count: 5000), to: "out/run.sqlite-wal")
            let ending = try await studio.resume("--json").ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(count("image_started", in: ending.output) < 6, "\(ending)")
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "written" })
        }

        /// Without workers the images are pending, not failed.
        @Test func unsampledImagesArePending() async throws {
            let studio = try Studio()
            let nobody = try studio.hosts("127.0.0.1:1")
            let lonely = try await studio.draw("-p", "a", "-b", "2", "--workers", nobody)
            #expect(lonely.code == 3, "\(lonely)")
            let ending = try await studio.resume().ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "written" })
        }

        @Test func failedImagesStayFailedUnlessTriedAgain() async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "unet")
            var weights = try WeightFile("\(model)/unet/diffusion_pytorch_model.safetensors")
            try weights.ruin("conv_out.bias")
            try weights.save()
            #expect(try await studio.draw("-p", "a", "-b", "2", "-m", model).code == 1)

            let still = try await studio.resume("--json").ending()
            #expect(still.code == 1, "\(still)")
            #expect(!still.output.contains("image_started"), "\(still)")
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "failed" })
            let reasons = try #require(try studio.images()[0]["reasons"] as? [String])
            #expect(reasons.contains { $0.contains("after step 1") }, "\(reasons)")

            // Refused commands open nothing.
            let other = try await studio.draw(
                "-p", "b", "-b", "2", "-m", model, "--begin-or-resume", "--retry-failed")
            #expect(other.code == 2, "\(other)")
            let otherModel = try await studio.resume(
                "--retry-failed", "-m", try EmbeddedModel.directory()
            ).ending()
            #expect(otherModel.code == 2, "\(otherModel)")
            let unchanged = try await studio.resume("--json").ending()
            #expect(!unchanged.output.contains("image_started"), "\(unchanged)")

            let again = try await studio.resume("--retry-failed", "--json").ending()
            #expect(again.code == 1, "\(again)")
            #expect(count("image_started", in: again.output) == 2, "\(again)")
        }
    }
}
