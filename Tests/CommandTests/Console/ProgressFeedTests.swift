// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Glibc
import RunDisplay
import Runs
import Synchronization
import TestSupport
import Testing

/// The display's own thread: reporting never waits for a terminal.
@Suite struct ProgressFeedTests {
    /// Streams whose reader has gone for coffee until the gate opens.
    private final class SlowReader: Sendable {
        private let isOpen = Atomic(false)
        private let text = Mutex("")
        private let clock = Atomic(0)

        var console: ConsoleStreams {
            ConsoleStreams(
                writeOutput: { [self] in write($0) }, writeError: { _ in },
                seconds: { [self] in
                    Double(clock.wrappingAdd(1, ordering: .relaxed).newValue)
                },
                size: { (80, 24) })
        }

        var lines: [Substring] { text.withLock { $0 }.split(separator: "\n") }

        func open() { isOpen.store(true, ordering: .releasing) }

        private func write(_ new: String) {
            // After a minute the door gives way, so that a test that failed ends.
            for _ in 0..<60_000 where !isOpen.load(ordering: .acquiring) { usleep(1000) }
            text.withLock { $0 += new }
        }
    }

    private func feed(_ reader: SlowReader) -> ProgressFeed {
        let monitor = RunMonitor(clock: .system, seconds: reader.console.seconds)
        let display = ProgressDisplay(
            mode: .silent, json: true, prompts: ["a cat", "a dog"], console: reader.console,
            monitor: monitor)
        return ProgressFeed(display, console: reader.console, monitor: monitor)
    }

    @Test func reportingDoesNotWaitForTheReader() async {
        let reader = SlowReader()
        let feed = feed(reader)
        let stepCount = 5 * ProgressFeed.backlogMax
        feed.report(.runStarted(stepCounts: [stepCount, stepCount], baseSeed: 1))
        feed.report(.workerConnected(worker: "w", kernelClass: "k"))
        feed.report(.imageStarted(image: 0, worker: "w", attempt: 1))
        for step in 1...stepCount {
            feed.report(.imageProgress(image: 0, worker: "w", step: step, stepCount: stepCount))
        }
        feed.report(.imageSampled(image: 0, worker: "w"))
        feed.report(.imageWritten(image: 0, worker: "w", file: "00000-1.png", seconds: 1))
        feed.report(.runFinished(written: 1, failed: 0, seconds: 1))
        #expect(reader.lines.isEmpty, "all that came before the reader was back")
        reader.open()
        await feed.finish()

        // Steps were left out, and nothing else was.
        let steps = reader.lines.count { $0.contains("\"image_progress\"") }
        #expect(steps < 2 * ProgressFeed.backlogMax && steps > 0)
        let names = reader.lines.filter { !$0.contains("\"image_progress\"") }.map { line in
            String(line.split(separator: "\"").first { $0.contains("_") } ?? line)
        }
        #expect(
            names == [
                "run_started", "worker_connected", "image_started", "image_sampled",
                "image_written", "run_finished",
            ])
    }

    @Test func eventsCarryTheTimeTheyHappened() async {
        let reader = SlowReader()
        let feed = feed(reader)
        feed.report(.runStarted(stepCounts: [4, 4], baseSeed: 1))
        feed.report(.warning("first"))
        feed.report(.warning("second"))
        reader.open()
        await feed.finish()
        // The clock moves by one with every look at it, and nobody looks but `report`.
        #expect(reader.lines.count == 3)
        #expect(reader.lines[1].contains("\"time\":1") && reader.lines[2].contains("\"time\":2"))
    }
}
