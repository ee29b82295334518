// SPDX-License-Identifier: Apache-2.0

import Foundation
import Requests
import Runs
import Synchronization
import TestSupport
import Testing

/// What a run in progress tells those who ask from outside.
@Suite struct RunStatusTests {
    /// A run of three images of ten steps, ten seconds in.
    private static func monitor() -> RunMonitor {
        let time = Mutex(0.0)
        let monitor = RunMonitor(clock: Samples.clock) { time.withLock { $0 } }
        func at(_ seconds: Double, _ events: RunEvent...) {
            time.withLock { $0 = seconds }
            for event in events { monitor.note(event) }
        }
        at(
            0, .runStarted(stepCounts: [10, 10, 10], baseSeed: 1),
            .workerConnected(worker: "a", kernelClass: "k"),
            .workerConnected(worker: "b", kernelClass: "k"),
            .imageStarted(image: 0, worker: "a", attempt: 1),
            .imageStarted(image: 1, worker: "b", attempt: 1))
        for step in 1...10 {
            at(Double(step), .imageProgress(image: 0, worker: "a", step: step, stepCount: 10))
        }
        at(
            10, .imageRetried(image: 1, worker: "b", reason: "it was stopped"),
            .workerLost(worker: "b", reason: "it was stopped"),
            .imageSampled(image: 0, worker: "a"),
            .imageWritten(image: 0, worker: "a", file: "x", seconds: 10),
            .imageStarted(image: 1, worker: "a", attempt: 2),
            .imageProgress(image: 1, worker: "a", step: 0, stepCount: 10))
        return monitor
    }

    @Test func countsAndWorkers() throws {
        let status = Self.monitor().status
        #expect(status.startedAt == Samples.date && status.updatedAt == Samples.date)
        #expect(status.images.total == 3 && status.images.written == 1)
        #expect(status.images.sampling == 1 && status.images.queued == 1)
        #expect(status.images.decoding == 0 && status.images.failed == 0)
        #expect(status.attempts == 3 && status.retries == 1)
        #expect(status.workers.map(\.state) == [.drawing, .lost])
        #expect(status.workers[0].image == 1 && status.workers[0].steps == 10)
        #expect(status.workers[0].images == 1 && status.workers[1].reason == "it was stopped")
        // One worker at one step per second has twenty steps to go.
        #expect(abs(status.stepsPerSecond - 1) < 0.01)
        #expect(abs(try #require(status.remainingSeconds) - 20) < 1)
    }

    @Test func aDirectoryTellsItsState() throws {
        let directory = try TemporaryDirectory()
        #expect(
            StatusReport(directory: directory.file("nowhere"), now: Samples.date).state == .none)
        let path = directory.file("run")
        var run: RunDirectory? = try RunDirectory(preparing: path)
        #expect(StatusReport(directory: path, now: Samples.date).state == .running)
        let status = Self.monitor().status
        try run?.replace("status.json", bytes: try JSONText.file(status))
        let running = StatusReport(directory: path, now: Samples.date)
        #expect(running.state == .running && running.status?.images == status.images)
        run = nil
        let gone = StatusReport(directory: path, now: Samples.date)
        #expect(gone.state == .gone)
        let text = gone.text(now: status.updatedAt + 7)
        #expect(
            text.hasPrefix("the coordinator is gone without a report; last status 7 s ago"))
        for part in [
            "1 of 3 images written, 0 failed, 1 sampling, 0 to decode, 1 queued",
            "1.0 steps/s, 1 of 3 attempts retried, 0:20 left",
            "  a: 1 images, 1.0 s per step; samples image 1, step 0 of 10",
            "  b: 0 images; is lost: it was stopped",
        ] { #expect(text.contains(part), "\(text)") }
        // A file that is none says nothing, and the directory may be used again.
        try directory.write("{", to: "run/status.json")
        #expect(StatusReport(directory: path, now: Samples.date).state == .none)
        let next = try RunDirectory(preparing: path)
        next.removeNow("status.json")
        try next.writeNew("report.json", bytes: [])
        #expect(StatusReport(directory: path, now: Samples.date).state == .running)
        withExtendedLifetime(next) {}
    }

    /// A worker may say anything of itself; nothing of it moves a cursor.
    @Test func namesAndReasonsAreOnlyText() throws {
        let directory = try TemporaryDirectory()
        let monitor = RunMonitor(clock: Samples.clock, seconds: { 0 })
        monitor.note(.runStarted(stepCounts: [4], baseSeed: 1))
        monitor.note(.workerLost(worker: "a\u{1B}[2J", reason: "b\u{9B}1mc\nd"))
        try directory.write(try JSONText.file(monitor.status), to: "status.json")
        let text = StatusReport(directory: directory.path, now: Samples.date).text(
            now: Samples.date)
        #expect(text.hasSuffix("\n  a [2J: 0 images; is lost: b 1mc d\n"), "\(text)")
    }

    @Test func theFileIsThereWhileTheRunIs() throws {
        let directory = try TemporaryDirectory()
        let run = try RunDirectory(preparing: directory.file("run"))
        let file = StatusFile(in: run, of: Self.monitor())
        while StatusReport(directory: directory.file("run"), now: Samples.date).status == nil {
            usleep(1000)
        }
        file.finish()
        #expect(StatusReport(directory: directory.file("run"), now: Samples.date).status == nil)
        #expect(!FileManager.default.fileExists(atPath: directory.file("run/status.json")))
    }
}
