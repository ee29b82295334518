// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// Batches of a service as runs.
    @Suite struct ServiceExportTests {
        private func export(_ words: String..., in studio: Studio) async throws
            -> RunningProgram.Ending
        {
            try await RunningProgram("retom-serve", ["export"] + words, in: studio.directory)
                .ending()
        }

        private func status(_ directory: String, in studio: Studio) async throws
            -> RunningProgram.Ending
        {
            try await RunningProgram("retom-coord", ["status", directory], in: studio.directory)
                .ending()
        }

        @Test func anUnfinishedBatchIsResumedByTheBatchCommand() async throws {
            let studio = try Studio()
            let clean = try await studio.start(
                ["-p", "a red house", "-b", "3", "--steps", "60"]
            ).ending()
            #expect(clean.code == 0, "\(clean)")
            let service = try await studio.serve()
            let id = try await service.submit(
                """
                {"prompts": ["a red house"], "settings": {"steps": 60, "batch_size": 3, "seed": 100}}
                """)
            _ = try await service.wait(for: id) { $0["finished"] as? Int ?? 0 >= 1 }
            let begun = try await export(id, "-o", "begun", "--state", "state", in: studio)
            #expect(begun.code == 0 && begun.output.contains("of 3 images written"), "\(begun)")
            let running = try await status("state", in: studio)
            #expect(running.code == 0 && running.output.contains("it is running"), "\(running)")
            #expect(running.output.contains(id), "\(running)")
            let cancelled = try await service.client.post("/retom/v1/batches/\(id)/cancel", "")
            #expect(cancelled.status == 200)
            service.program.send(SIGTERM)
            #expect(try await service.program.ending().code == 0)
            let again = try await export(id, "-o", "again", "--state", "state", in: studio)
            #expect(again.code == 0, "\(again)")
            for out in ["begun", "again"] {
                let seen = try await status(out, in: studio)
                #expect(seen.code == 0 && seen.output.contains("--resume continues"), "\(seen)")
                let resumed = try await studio.resume(out: out).ending()
                #expect(resumed.code == 0, "\(resumed)")
                for (index, image) in try studio.images(out: out).enumerated() {
                    #expect(image["status"] as? String == "written")
                    let digest = try #require(image["latent_sha256"] as? String)
                    #expect(try studio.images()[index]["latent_sha256"] as? String == digest)
                    let stem = "0000\(index)-\(100 + index)"
                    let pixels = try studio.pixels("\(stem).png", out: out)
                    #expect(try pixels == studio.pixels("\(stem).png"))
                }
            }
        }

        @Test func wrongUseIsOneSentence() async throws {
            let studio = try Studio()
            let id = String(repeating: "0", count: 24)
            _ = try studio.directory.write([1], to: "file")
            let made = try await RunningProgram(
                "retom-serve", ["keys", "add", "ann", "--state", "state"], in: studio.directory
            ).ending()
            #expect(made.code == 0, "\(made)")
            let cases: [([String], String)] = [
                (["b1", "-o", "out", "--state", "state"], "no batch's id"),
                ([id, "-o", "out", "--state", "absent"], "no service in absent"),
                ([id, "-o", "out", "--state", "file"], "no service in file"),
                ([id, "-o", "out", "--state", "state"], "no batch \(id)"),
                ([id, "-o", "state", "--state", "state"], "not empty"),
                ([id, "-o", "file", "--state", "state"], "is a file"),
            ]
            for (words, part) in cases {
                let ending = try await RunningProgram(
                    "retom-serve", ["export"] + words, in: studio.directory
                ).ending()
                #expect(ending.code == 2 && ending.errorOutput.contains(part), "\(ending)")
            }
            #expect(studio.names(out: "out") == nil)
        }
    }
}
