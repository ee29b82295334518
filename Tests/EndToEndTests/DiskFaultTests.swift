// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// The programs on a disk that fails once: at a write, a synchronisation or a rename of one
    /// file.
    @Suite struct DiskFaultTests {
        static let batch = ["-p", "a red house", "-b", "6", "--steps", "4", "--save-latents"]

        /// Added to the command's environment: which operation on which file fails, and how.
        private func failing(_ operation: String, _ part: String, _ ordinal: Int, _ code: Int32)
            -> String
        {
            """
            export LD_PRELOAD=\(RunningProgram.executables)/libDiskFaults.so \
            RETOM_DISK_FAULT='\(operation) \(part) \(ordinal) \(code)'
            """
        }

        private func images(_ event: String, in output: String) throws -> Set<Int> {
            Set(
                try events(output).filter { $0["event"] as? String == event }
                    .compactMap { $0["index"] as? Int })
        }

        @Test(arguments: [
            ("write", "/latents/.", 3, ENOSPC), ("sync", "/latents/.", 2, EIO),
            ("rename", "/latents/.", 4, EIO), ("sync", "/latents", 6, EIO),
            ("write", "run.sqlite-wal", 40, ENOSPC), ("sync", "run.sqlite-wal", 6, EIO),
            ("write", ".png.", 2, ENOSPC),
            ("sync", ".png.", 3, EIO), ("link", ".png.", 2, EIO),
            ("sync", "report.json", 1, EIO),
        ])
        func announcedImagesAreNotSampledAgain(
            _ operation: String, _ part: String, _ ordinal: Int, _ code: Int32
        ) async throws {
            let studio = try Studio()
            let calm = try await studio.start(Self.batch, out: "calm").ending()
            #expect(calm.code == 0, "\(calm)")
            let broken = try await studio.start(
                Self.batch + ["--json", "-q"], preparations: failing(operation, part, ordinal, code)
            ).ending()
            #expect(broken.code == 2, "\(broken)")
            #expect(count("--resume", in: broken.errorOutput) == 1, "\(broken)")
            #expect(broken.errorOutput.split(separator: "\n").count == 1, "\(broken)")
            let announced = try images("image_sampled", in: broken.output)

            let resumed = try await studio.resume("--json").ending()
            #expect(resumed.code == 0, "\(resumed)")
            let again = try images("image_sampled", in: resumed.output)
            #expect(again.isDisjoint(with: announced), "\(announced) \(again)")
            #expect(again.union(announced).count <= 6)
            try studio.expectEqual("out", "calm", count: 6)
        }

        @Test func nothingIsAcceptedByADiskThatFailsAtOnce() async throws {
            let studio = try Studio()
            let broken = try await studio.start(
                Self.batch, preparations: failing("sync", "run.sqlite-wal", 2, EIO)
            ).ending()
            #expect(broken.code == 2, "\(broken)")
            #expect(broken.errorOutput.contains("begin again"), "\(broken)")
            #expect(studio.names() == [])
        }

        /// Killed when the earlier run was removed and the accepted one was not renamed yet.
        @Test func anAcceptedRunIsNotSilentlyReplaced() async throws {
            let studio = try Studio()
            let run = try studio.start(Self.batch + ["--json"])
            _ = try await run.line { $0.contains("\"image_sampled\"") }
            run.send(SIGKILL)
            _ = try await run.ending()
            let out = studio.directory.file("out")
            for name in studio.names() ?? [] where !name.hasPrefix("run.sqlite") {
                if name != "latents" { try studio.remove(name) }
            }
            for suffix in ["", "-wal", "-shm"] {
                rename("\(out)/run.sqlite\(suffix)", "\(out)/run-new.sqlite\(suffix)")
            }
            let plain = try await studio.draw("-p", "a tent")
            #expect(plain.code == 2, "\(plain)")
            for part in ["run-new.sqlite", "--resume", "another directory"] {
                #expect(plain.errorOutput.contains(part), "\(plain)")
            }
            let resumed = try await studio.resume().ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(try studio.images().count == 6)
        }
    }
}
