// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

extension EndToEndTests {
    /// Signals: programs end gracefully, and data on disk stays intact.
    @Suite struct StoppingTests {
        static let slow = ["--steps", "60", "-b", "9", "-p", "a red house", "--json"]

        @Test func aDrainedWorkerFinishesItsImage() async throws {
            let studio = try Studio()
            let drained = try await studio.worker()
            let other = try await studio.worker()
            let hosts = try studio.hosts(drained.address, other.address)
            let run = try studio.start(Self.slow + ["--workers", hosts])
            _ = try await run.line {
                $0.contains("\"image_progress\"") && $0.contains(drained.address)
            }
            drained.program.send(SIGTERM)
            let worker = try await drained.program.ending()
            #expect(worker.code == 0, "\(worker)")
            let ending = try await run.ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(!ending.output.contains("image_retried"), "\(ending)")
            let workers = try studio.images().compactMap { $0["worker"] as? String }
            #expect(workers.contains(drained.address))
        }

        @Test func anIdleWorkerEndsAtOnce() async throws {
            let studio = try Studio()
            for signal in [SIGTERM, SIGINT, SIGHUP] {
                let worker = try await studio.worker()
                worker.program.send(signal)
                let ending = try await worker.program.ending()
                #expect(ending.code == 0, "signal \(signal): \(ending)")
            }
        }

        @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
        func anInterruptedRunLeavesAReport(_ signal: Int32) async throws {
            let studio = try Studio()
            let run = try studio.start(Self.slow + ["-b", "50"])
            _ = try await run.line { $0.contains("\"image_written\"") }
            let children = run.children
            run.send(signal)
            let ending = try await run.ending()
            #expect(ending.code == 128 + signal, "\(ending)")
            #expect(ending.errorOutput.contains("interrupted"), "\(ending)")
            let statuses = try studio.images().compactMap { $0["status"] as? String }
            let names = try #require(studio.names())
            let pictures = names.count { $0.hasPrefix("000") && $0.hasSuffix(".png") }
            #expect(pictures >= 1 && pictures < 50)
            #expect(statuses.count { $0 == "written" } == pictures)
            // One that was stored may not have been decoded yet.
            let others = statuses.count { $0 == "pending" || $0 == "sampled" }
            #expect(others == 50 - pictures)
            #expect(names.contains("index.html") && names.contains("grid-0000.png"))
            #expect(!names.contains { $0.hasSuffix(".tmp") })
            let account = try #require(try studio.report()["run"] as? [String: Any])
            let wire = try #require(account["wire"] as? [String: Int])
            #expect(try #require(wire["latent_bytes"]) >= pictures * 4 * 8 * 8 * 4)
            #expect(try await areGone(children))
        }

        /// Hours of steps: waiting for this image is futile.
        static let endless = [
            "--steps", "900", "-W", "256", "-H", "256", "-b", "4", "-p", "a red house", "--json",
        ]

        @Test func aSecondSignalEndsABusyWorkerAtOnce() async throws {
            let studio = try Studio()
            let worker = try await studio.worker()
            let run = try studio.start(
                Self.endless + ["--workers", try studio.hosts(worker.address)])
            _ = try await run.line { $0.contains("\"image_progress\"") }
            worker.program.send(SIGTERM)
            try await worker.program.takes(SIGTERM)
            worker.program.send(SIGINT)
            #expect(try await worker.program.ending().code == 130)
            #expect(!run.output.contains("\"image_sampled\""))
        }

        @Test func aSecondInterruptEndsACoordinatorAtOnceAndItsRunResumes() async throws {
            let studio = try Studio()
            let worker = try await studio.worker()
            let hosts = try studio.hosts(worker.address)
            let run = try studio.start(Self.slow + ["--workers", hosts, "--save-latents"])
            _ = try await run.line { $0.contains("\"image_written\"") }
            // It answers nobody, so saying goodbye to it blocks.
            worker.program.send(SIGSTOP)
            run.send(SIGINT)
            try await run.takes(SIGINT)
            run.send(SIGINT)
            let ending = try await run.ending()
            #expect(ending.code == 130, "\(ending)")
            #expect(studio.names()?.contains("report.json") == false)
            worker.program.send(SIGCONT)
            let resumed = try await studio.resume("--json", "--workers", hosts).ending()
            #expect(resumed.code == 0, "\(resumed)")
            #expect(resumed.output.contains("\"image_kept\""), "\(resumed)")
            let calm = try await studio.draw(
                "--steps", "60", "-b", "9", "-p", "a red house", "--save-latents", out: "calm")
            #expect(calm.code == 0, "\(calm)")
            try studio.expectEqual("out", "calm", count: 9)
        }

        @Test func anInterruptedDecodingIsDistinguishedFromAFailedOne() async throws {
            let studio = try Studio()
            let size = ["-W", "256", "-H", "256", "--steps", "1"]
            let sampled = try studio.start(
                size + ["-p", "a", "-b", "6", "--decode-on", "none"])
            #expect(try await sampled.ending().code == 0)
            let decoding = try RunningProgram(
                "retom-coord", ["decode", "out", "-t", "1", "--json"], in: studio.directory)
            _ = try await decoding.line { $0.contains("\"image_written\"") }
            decoding.send(SIGTERM)
            let ending = try await decoding.ending()
            #expect(ending.code == 143, "\(ending)")
            #expect(count("image_written", in: ending.output) < 6, "\(ending)")
            #expect(try await studio.decode().code == 0)
        }

        @Test func anInterruptBeforeTheFirstWorkerLeavesNothing() async throws {
            let studio = try Studio()
            let run = try studio.start(Self.slow)
            _ = try await run.line { $0.contains("run_started") }
            run.send(SIGINT)
            let ending = try await run.ending()
            #expect(ending.code == 130, "\(ending)")
            // The next run removes what it was writing at that moment.
            #expect(try await studio.draw("-p", "a", "--overwrite").code == 0)
            #expect(studio.names()?.contains { $0.hasSuffix(".tmp") } == false)
        }

        @Test func localWorkersDieWithTheirCoordinator() async throws {
            let studio = try Studio()
            let run = try studio.start(Self.slow + ["--local-workers", "2", "-t", "2"])
            _ = try await run.line { $0.contains("\"image_progress\"") }
            let children = run.children
            #expect(children.count == 2)
            run.send(SIGKILL)
            #expect(try await run.ending().code == 128 + SIGKILL)
            #expect(try await areGone(children))
            // The next run may use the directory: its lock is free.
            #expect(try await studio.draw("-p", "a", "--overwrite").code == 0)
        }

        private func areGone(_ processes: [pid_t]) async throws -> Bool {
            let deadline = ContinuousClock.now + RunningProgram.patience
            while processes.contains(where: { kill($0, 0) == 0 }) {
                if ContinuousClock.now > deadline { return false }
                try await Task.sleep(for: .milliseconds(5))
            }
            return true
        }
    }
}
