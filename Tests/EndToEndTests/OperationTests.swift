// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// An operator's view of a cluster: logs, status, metrics, signals, restarts.
    @Suite struct OperationTests {
        static let slow = ["--steps", "60", "-b", "9", "-p", "a secret castle", "--json"]

        private func metrics(ofLog text: String) throws -> PrometheusPage {
            let line = try #require(
                text.split(separator: "\n").first { $0.contains("\"message\":\"metrics\"") })
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
            let port = try #require(object["port"].flatMap { Int($0) })
            let reply = try Stranger(
                port: port,
                says: Array("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
            ).reply()
            let parts = reply.components(separatedBy: "\r\n\r\n")
            try #require(parts.count == 2, "\(reply)")
            #expect(parts[0].hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(parts[0].contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
            let other = try Stranger(
                port: port,
                says: Array("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
            ).reply()
            #expect(other.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
            return try PrometheusPage(parts[1])
        }

        @Test func aRunIsObservable() async throws {
            let studio = try Studio()
            let logging = ["--log-level", "trace", "--log-format", "json", "--metrics-port", "0"]
            let worker = try await studio.worker(
                "--log-level", "debug", "--log-format", "json", "--metrics-port", "0")
            let hosts = try studio.hosts(worker.address)
            let run = try studio.start(Self.slow + logging + ["--workers", hosts, "-q"])
            _ = try await run.line { $0.contains("\"image_written\"") }

            let page = try metrics(ofLog: run.errorOutput)
            #expect(try #require(page.values["retom_images_total{outcome=\"written\"}"]) >= 1)
            #expect(page.values["retom_workers{state=\"lost\"}"] == 0)
            #expect(try #require(page.values["retom_step_seconds_count"]) >= 60)
            #expect(
                try #require(page.values["retom_wire_bytes_total{direction=\"received\"}"]) > 1000)
            let workerPage = try metrics(ofLog: worker.program.errorOutput)
            #expect(
                try #require(workerPage.values["retom_worker_images_total{outcome=\"sampled\"}"])
                    >= 1)
            #expect(workerPage.values["retom_worker_coordinator"] == 1)

            // Written once a second; the first may predate the first picture.
            var status: [String: Any] = [:]
            var images: [String: Int] = [:]
            repeat {
                let told = try await ask(studio, "--json")
                #expect(told.code == 0, "\(told)")
                let object = try #require(try events(told.output).first)
                #expect(object["state"] as? String == "running")
                status = object["status"] as? [String: Any] ?? [:]
                images = status["images"] as? [String: Int] ?? [:]
            } while images["written", default: 0] < 1
            #expect(images["total"] == 9)
            let workers = try #require(status["workers"] as? [[String: Any]])
            #expect(workers.first?["name"] as? String == worker.address)
            #expect(try #require(status["remaining_seconds"] as? Double) > 0)
            let people = try await ask(studio)
            #expect(people.output.contains("of 9 images written"), "\(people)")

            #expect(try await run.ending().code == 0)
            let log = run.errorOutput + worker.program.errorOutput
            for word in ["lease.token", "worker.id", "job.id", "prompt.sha256", "image completed"] {
                #expect(log.contains(word), "\(word)")
            }
            #expect(!log.contains("castle"), "a prompt is in the log")
            for line in log.split(separator: "\n") {
                #expect(throws: Never.self) {
                    try JSONSerialization.jsonObject(with: Data(line.utf8))
                }
            }
            let ended = try await ask(studio)
            #expect(ended.code == 0 && ended.output.contains("has ended"), "\(ended)")
            #expect(studio.names()?.contains("status.json") == false)
        }

        @Test func aKilledCoordinatorIsReportedAndItsWorkerServesTheNext() async throws {
            let studio = try Studio()
            let worker = try await studio.worker()
            let hosts = try studio.hosts(worker.address)
            let run = try studio.start(Self.slow + ["--workers", hosts])
            _ = try await run.line { $0.contains("\"image_written\"") }
            while studio.names()?.contains("status.json") != true { await Task.yield() }
            run.send(SIGKILL)
            _ = try await run.ending()
            let gone = try await ask(studio)
            #expect(gone.code == 1, "\(gone)")
            #expect(gone.output.contains("is gone without a report"), "\(gone)")
            let next = try await studio.draw("-p", "b", "--workers", hosts, "--overwrite")
            #expect(next.code == 0, "\(next)")
            let none = try await ask(studio, out: "nowhere")
            #expect(none.code == 2 && none.output.contains("no run"), "\(none)")
        }

        private func ask(
            _ studio: Studio, _ arguments: String..., out: String = "out"
        ) async throws -> RunningProgram.Ending {
            try await RunningProgram(
                "retom-coord", ["status", out] + arguments, in: studio.directory
            ).ending()
        }

        /// Work under `nice` must not disturb those that the machine belongs to.
        ///
        /// As root: only its threads can make themselves more important.
        @Test(.enabled(if: geteuid() == 0)) func niceProgramsStayNice() async throws {
            let studio = try Studio()
            let run = try studio.start(
                ["--steps", "60", "-p", "a red house", "--json"],
                preparations: #"set -- nice -n 9 "$@""#)
            _ = try await run.line { $0.contains("\"image_progress\"") }
            let asked = try #require(try Self.niceness(of: run.processIdentifier).first)
            for process in [run.processIdentifier] + run.children {
                let found = try Self.niceness(of: process)
                #expect(found.count > 1 && found.allSatisfy { $0 >= asked }, "\(found)")
            }
            #expect(run.children.count == 1)
            #expect(try await run.ending().code == 0)
        }

        /// That of each thread of a process, the first one's first.
        private static func niceness(of process: pid_t) throws -> [Int] {
            let tasks = "/proc/\(process)/task"
            let threads = try FileManager.default.contentsOfDirectory(atPath: tasks)
            return threads.compactMap { Int($0) }.sorted().compactMap { thread in
                // A thread may have ended meanwhile.
                let path = "\(tasks)/\(thread)/stat"
                guard let line = try? String(contentsOfFile: path, encoding: .utf8) else {
                    return nil
                }
                // Of the fields after the name, which may hold spaces, it is the 17th.
                let fields = line.split(separator: ")").last?.split(separator: " ") ?? []
                return fields.count > 16 ? Int(fields[16]) : nil
            }
        }
    }
}
