// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension EndToEndTests {
    /// Workers that generate several pictures at the same time (`--pictures`).
    @Suite struct PicturesAtATimeTests {
        static let drawing = [
            "-p", "a red house", "-b", "6", "--steps", "40", "-W", "128", "-H", "128", "-t", "2",
            "--checkpoint-every", "4", "--save-latents", "--json",
        ]

        /// Waits until a run has made 8 steps of two images, of which neither is done.
        private func twoUnderWay(_ run: RunningProgram) async throws {
            // Pattern matches may come in any order: the second image's 8th step is the later one.
            for index in 0..<2 {
                _ = try await run.line { line in
                    line.contains("\"image_progress\"") && line.contains("\"index\":\(index),")
                        && (8..<32).contains { line.contains("\"step\":\($0),") }
                }
            }
        }

        private func quietRun(_ studio: Studio) async throws {
            // Two pictures on two threads have one each.
            let one = try await studio.worker("-t", "1")
            let hosts = try studio.hosts(one.address, name: "quiet.txt")
            let quiet = try await studio.start(
                Self.drawing + ["--workers", hosts], out: "quiet"
            ).ending()
            #expect(quiet.code == 0, "\(quiet)")
        }

        /// The worker dies with two pictures under way, and another resumes both: the bytes of a
        /// run of one picture at a time.
        @Test func bothPicturesOfAKilledWorkerResume() async throws {
            let studio = try Studio()
            try await quietRun(studio)
            let victim = try await studio.worker("-t", "2", "--pictures", "2")
            let hosts = try studio.hosts(victim.address)
            let run = try studio.start(Self.drawing + ["--workers", hosts], out: "killed")
            try await twoUnderWay(run)
            victim.program.send(SIGKILL)
            let heir = try await studio.worker(
                "-t", "2", "--pictures", "2", "--port", "\(victim.port)")
            #expect(heir.port == victim.port)
            let ending = try await run.ending()
            #expect(ending.code == 0, "\(ending)")
            let resumed = try studio.images(out: "killed").prefix(2).compactMap {
                $0["resumed_from_step"] as? Int
            }
            #expect(resumed.count == 2 && resumed.allSatisfy { $0 >= 4 }, "\(resumed)")
            try studio.expectEqual("killed", "quiet", count: 6)
        }

        /// The coordinator and its own worker die; the next session resumes both pictures.
        @Test func bothPicturesOfAKilledRunResume() async throws {
            let studio = try Studio()
            try await quietRun(studio)
            let run = try studio.start(Self.drawing + ["--pictures", "2"], out: "killed")
            try await twoUnderWay(run)
            run.send(SIGKILL)
            let killed = try await run.ending()
            #expect(killed.code == 128 + SIGKILL, "\(killed)")
            let ending = try await studio.resume("-t", "2", "--pictures", "2", out: "killed")
                .ending()
            #expect(ending.code == 0, "\(ending)")
            try studio.expectEqual("killed", "quiet", count: 6)
        }

        /// What is running at the same time, according to the worker.
        @Test func aWorkerSaysWhatItDoes() async throws {
            let studio = try Studio()
            let worker = try await studio.worker("-t", "2", "--pictures", "3")
            let hosts = try studio.hosts(worker.address)
            let ending = try await studio.start(Self.drawing + ["--workers", hosts]).ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(ending.output.contains("\"pictures\":3"), "\(ending)")
            worker.program.send(SIGTERM)
            let log = try await worker.program.ending()
            #expect(log.code == 0, "\(log)")
            var (running, most) = (Set<Substring>(), 0)
            for line in log.output.split(separator: "\n") where line.hasPrefix("image ") {
                let number = line.split(separator: " ")[1]
                if line.contains(" began ") { running.insert(number) }
                if line.contains(" took ") { running.remove(number) }
                most = max(most, running.count)
            }
            #expect(most == 3 && running.isEmpty, "\(log.output)")
        }

        @Test(arguments: ["0", "33", "-1", "two"]) func badNumbers(_ count: String) async throws {
            let studio = try Studio()
            let ending = try await RunningProgram(
                "retom-worker", ["--pictures=\(count)"], in: studio.directory
            ).ending()
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.errorOutput.contains("--pictures"), "\(ending)")
        }

        @Test func workersElsewhereHaveTheirOwnNumber() async throws {
            let studio = try Studio()
            let hosts = try studio.hosts("127.0.0.1:1")
            let ending = try await studio.draw(
                "-p", "a", "--workers", hosts, "--pictures", "2")
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.errorOutput.contains("give it to retom-worker instead"), "\(ending)")
        }
    }
}
