// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// Output directories shared with other programs, users and machines.
    @Suite struct DirectoryOwnershipTests {
        /// Files left by A1111, whose names are like ours.
        private static let foreign = ["00005-777.png", "grid-0001.png"]

        @Test func otherProgramsFilesAreRefusedAndLeftAlone() async throws {
            let studio = try Studio()
            for name in Self.foreign { try studio.directory.write("mine", to: "out/\(name)") }
            for words in [[], ["--overwrite"], ["--begin-or-resume"]] {
                let refused = try await studio.start(["-p", "a"] + words).ending()
                #expect(refused.code == 2, "\(refused)")
                for part in ["00005-777.png", "no run.sqlite", "another directory"] {
                    #expect(refused.errorOutput.contains(part), "\(refused)")
                }
                #expect(studio.names() == Self.foreign)
            }
        }

        @Test func overwritingRemovesOnlyWhatTheDatabaseLists() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a cat", "-b", "3").code == 0)
            for name in Self.foreign + ["index.html"] {
                try studio.directory.write("mine", to: "out/\(name)")
            }
            // A picture of the new run would replace this one.
            try studio.directory.write("mine", to: "out/00001-500.png")
            let refused = try await studio.draw(
                "-p", "a dog", "-b", "2", "-s", "499", "--overwrite")
            #expect(refused.code == 2, "\(refused)")
            #expect(
                refused.errorOutput.contains("out/00001-500.png is there already"), "\(refused)")
            try studio.remove("00001-500.png")
            let page = try await studio.draw("-p", "a dog", "--overwrite")
            #expect(
                page.code == 2 && page.errorOutput.contains("out/index.html is there"), "\(page)")
            #expect(studio.names()?.contains("00002-102.png") == true)

            try studio.remove("index.html")
            #expect(try await studio.draw("-p", "a dog", "--overwrite").code == 0)
            #expect(
                studio.names()
                    == (Self.foreign + [
                        "00000-100.png", "grid-0000.png", "index.html", "latents", "report.json",
                        "run.lock", "run.sqlite",
                    ]).sorted())
            for name in Self.foreign {
                #expect(try studio.bytes(name) == Array("mine".utf8), "\(name)")
            }
        }

        @Test func aForeignPageIsKeptByAResumedRun() async throws {
            let studio = try Studio()
            let run = try studio.start(["-p", "a", "-b", "3", "--steps", "40", "--json"])
            _ = try await run.line { $0.contains("\"image_sampled\"") }
            run.send(SIGKILL)
            _ = try await run.ending()
            try studio.directory.write("mine", to: "out/index.html")
            let resumed = try await studio.resume().ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(resumed.errorOutput.contains("out/index.html is not this run's"), "\(resumed)")
            #expect(try studio.bytes("index.html") == Array("mine".utf8))
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "written" })
        }

        /// The answer of NFS without its lock service.
        @Test func runsAreRefusedWhereLockingFails() async throws {
            let studio = try Studio()
            let preparations =
                "export LD_PRELOAD=\(RunningProgram.executables)/libDiskFaults.so "
                + "RETOM_DISK_FAULT='lock run.lock 1 \(ENOLCK)'"
            let refused = try await studio.draw("-p", "a", preparations: preparations)
            #expect(refused.code == 2, "\(refused)")
            for part in ["can't be locked", "No locks available", "a disk of this machine"] {
                #expect(refused.errorOutput.contains(part), "\(refused)")
            }
            #expect(studio.names() == [])
        }

        /// An earlier run is replaced only when there is a picture.
        @Test func theEarlierRunStaysUntilThereIsAPicture() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a cat", "-b", "2").code == 0)
            let names = studio.names()
            let report = try studio.bytes("report.json")
            let model = try studio.model(changing: "unet")
            var weights = try WeightFile("\(model)/unet/diffusion_pytorch_model.safetensors")
            try weights.ruin("conv_out.bias")
            try weights.save()
            let failed = try await studio.draw("-p", "a dog", "--overwrite", "-m", model)
            #expect(failed.code == 1, "\(failed)")
            #expect(failed.errorOutput.contains("the earlier run stays"), "\(failed)")
            #expect(studio.names() == names)
            #expect(try studio.bytes("report.json") == report)
            // Without pictures, latents suffice to replace it.
            let sampled = try await studio.draw("-p", "a dog", "--overwrite", "--decode-on", "none")
            #expect(sampled.code == 0, "\(sampled)")
            #expect(studio.names()?.contains { $0.hasPrefix("0000") } == false)
            #expect(studio.names(out: "out/latents")?.count == 1)
            #expect(try await studio.decode().code == 0)
        }

        /// Killed while latents of the new run are recorded, which share the archive with the old
        /// ones.
        @Test func latentsOfBothRunsAreKeptUntilOneIsReplaced() async throws {
            let studio = try Studio()
            let batch = ["-p", "a cat", "-b", "3", "--steps", "20", "--save-latents"]
            #expect(try await studio.start(batch).ending().code == 0)
            #expect(try await studio.start(batch, out: "quiet").ending().code == 0)
            // The same images again: the same latents, with the same names.
            let run = try studio.start(batch + ["--overwrite", "--json"])
            _ = try await run.line { $0.contains("\"image_sampled\"") }
            run.send(SIGKILL)
            _ = try await run.ending()
            let decoded = try await studio.decode("--all")
            #expect(decoded.code == 0, "\(decoded)")
            let resumed = try await studio.resume().ending()
            #expect(resumed.code == 0, "\(resumed)")
            try studio.expectEqual("out", "quiet", count: 3)
            #expect(studio.names(out: "out/latents")?.count == 3)
            #expect(studio.names()?.contains { $0.hasPrefix("run-new") } == false)
        }
    }
}
