// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Foundation
import GenerationTypes
import RunDisplay
import Runs
import Synchronization
import TestSupport
import Testing

@Suite struct ProgressDisplayTests {
    /// Streams that remember, on a clock and a terminal that the test sets.
    private final class Recorder: Sendable {
        struct State {
            var time = 0.0
            var output = ""
            var columns = 60
            var screen = ScreenTerminal(columns: 60)
            var error = ""
        }
        let state = Mutex(State())

        var console: ConsoleStreams {
            ConsoleStreams(
                writeOutput: { [self] text in state.withLock { $0.output += text } },
                writeError: { [self] text in
                    state.withLock {
                        $0.error += text
                        $0.screen.send(text)
                    }
                },
                seconds: { [self] in state.withLock { $0.time } },
                size: { [self] in state.withLock { ($0.columns, 24) } })
        }

        func advance(_ seconds: Double) { state.withLock { $0.time += seconds } }
        var screen: [String] { state.withLock { $0.screen.text } }
        var problems: [String] { state.withLock { $0.screen.problems } }
        var error: String { state.withLock { $0.error } }
        var output: String { state.withLock { $0.output } }

        func resize(_ columns: Int) {
            state.withLock {
                $0.columns = columns
                $0.screen.resize(columns: columns)
            }
        }
    }

    private let recorder = Recorder()
    private let style = TerminalStyle(usesColor: true, usesUnicode: true)

    /// A display with its monitor, in the order in which the feed calls them.
    private struct Shown {
        let display: ProgressDisplay
        let monitor: RunMonitor

        func report(_ event: RunEvent) {
            monitor.note(event)
            display.report(event)
        }

        func tick() { display.tick() }
        func finish() { display.finish() }
    }

    private func display(_ mode: ProgressDisplay.Mode, json: Bool = false) -> Shown {
        let monitor = RunMonitor(clock: .system, seconds: recorder.console.seconds)
        let display = ProgressDisplay(
            mode: mode, json: json, prompts: ["a red house", "a blue boat", "a tree", "a dog"],
            console: recorder.console, monitor: monitor)
        return Shown(display: display, monitor: monitor)
    }

    private func begin(_ display: Shown) {
        display.report(.runStarted(stepCounts: [4, 4, 4, 4], baseSeed: 42))
        display.report(.workerConnected(worker: "w1", kernelClass: "avx2"))
        display.report(.imageStarted(image: 0, worker: "w1", attempt: 1))
        for step in 1...3 {
            recorder.advance(1)
            display.report(.imageProgress(image: 0, worker: "w1", step: step, stepCount: 4))
        }
    }

    private func end(_ display: Shown) {
        recorder.advance(1)
        display.report(.imageSampled(image: 0, worker: "w1"))
        recorder.advance(1)
        display.report(.imageWritten(image: 0, worker: "w1", file: "00000-42.png", seconds: 5))
        display.report(.imageFailed(image: 1, reason: "NaN"))
        display.report(.runFinished(written: 1, failed: 3, seconds: 6))
    }

    @Test func aTerminalShowsOneBlockThatIsRedrawn() {
        let display = display(.terminal(style))
        begin(display)
        #expect(recorder.screen.count == 3)
        #expect(recorder.screen[0] == "4 images, seed 42")
        #expect(recorder.screen[1].hasPrefix(" 0/4 images ▕"))
        #expect(recorder.screen[1].hasSuffix("18 %   1.00 steps/s   0:13 left"))
        #expect(recorder.screen[2] == "  w1  #0 ━━━━━━━─── 3/4  a red house")
        #expect(recorder.problems.isEmpty)
    }

    @Test func lastingLinesStayAboveTheBlockAndTheEndIsClean() {
        let display = display(.terminal(style))
        begin(display)
        display.report(.warning("the disk is slow"))
        #expect(recorder.screen[1] == "warning: the disk is slow")
        #expect(recorder.screen[2].hasPrefix(" 0/4 images"))
        end(display)
        #expect(
            recorder.screen == [
                "4 images, seed 42", "warning: the disk is slow", "image 1 failed: NaN",
                "1 image in 0:06 (6.0 s per image), 3 failed",
            ])
        let before = recorder.error
        display.report(.warning("late"))
        display.tick()
        display.finish()
        #expect(recorder.error == before)
    }

    @Test(arguments: [20, 35, 59, 90, 200]) func aResizedTerminalShowsOneBlockStill(columns: Int) {
        let display = display(.terminal(style))
        begin(display)
        recorder.resize(columns)
        recorder.advance(1)
        display.tick()
        #expect(recorder.screen.filter { $0.contains("images") && $0.contains("0/4") }.count == 1)
        #expect(recorder.screen.filter { $0.contains("w1") }.count == 1)
        display.finish()
        #expect(recorder.screen.joined() == "4 images, seed 42")
        #expect(recorder.problems.isEmpty)
    }

    @Test func framesAreLimitedAndTheTimeLeftCountsDown() {
        let display = display(.terminal(style))
        begin(display)
        let length = recorder.error.utf8.count
        for _ in 0..<100 { display.tick() }
        #expect(recorder.error.utf8.count == length)
        recorder.advance(0.9)
        display.tick()
        #expect(recorder.screen[1].hasSuffix("0:12 left"))
    }

    @Test func finishTakesTheBlockAway() {
        let display = display(.terminal(style))
        begin(display)
        display.finish()
        #expect(recorder.screen == ["4 images, seed 42"])
    }

    @Test func plainLinesHaveNoEscapesAndAreFew() {
        let display = display(.plain)
        begin(display)
        end(display)
        #expect(
            recorder.error == """
                4 images, seed 42
                worker w1 is ready (avx2)
                [1/4] 00000-42.png (w1, 5.0 s), 0:12 left
                image 1 failed: NaN
                1 image in 0:06 (6.0 s per image), 3 failed

                """)
    }

    @Test func plainLinesComeAtLeastEveryTenSeconds() {
        let display = display(.plain)
        display.report(.runStarted(stepCounts: [100], baseSeed: 1))
        display.report(.imageStarted(image: 0, worker: "w1", attempt: 1))
        for step in 1...50 {
            recorder.advance(1)
            display.report(.imageProgress(image: 0, worker: "w1", step: step, stepCount: 100))
        }
        let lines = recorder.error.split(separator: "\n")
        #expect(lines.count == 6)
        #expect(lines.last == "[0/1] 50 % of all steps, 1.00 steps/s, 0:50 left")
    }

    @Test func manyQuickPicturesMakeFewPlainLines() {
        let display = display(.plain)
        display.report(.runStarted(stepCounts: Array(repeating: 1, count: 500), baseSeed: 1))
        for index in 0..<500 {
            recorder.advance(0.01)
            display.report(
                .imageWritten(image: ImageNumber(index), worker: "w", file: "f", seconds: 0.01))
        }
        #expect(recorder.error.split(separator: "\n").count <= 7)
    }

    @Test func hostileTextsCannotSteerTheTerminal() {
        for mode in [ProgressDisplay.Mode.plain, .terminal(style)] {
            let display = display(mode)
            display.report(.runStarted(stepCounts: [4], baseSeed: 1))
            display.report(.workerLost(worker: "w\u{1B}[2J", reason: "x\ny\u{9B}31m"))
        }
        #expect(!recorder.error.contains("\u{1B}[2J"))
        #expect(!recorder.error.contains("\u{9B}"))
        #expect(recorder.error.contains("worker w [2J is lost: x y 31m"))
    }

    @Test func silenceIsForProgressOnly() {
        let display = display(.silent)
        begin(display)
        display.report(.warning("cut"))
        end(display)
        #expect(
            recorder.error.split(separator: "\n").allSatisfy {
                $0.hasPrefix("warning: cut") || $0.contains(" failed: ")
            })
        #expect(recorder.error.contains("warning: cut"))
        #expect(recorder.error.contains("image 1 failed"))
    }

    @Test func jsonHasOneObjectPerEvent() throws {
        let display = display(.silent, json: true)
        begin(display)
        end(display)
        #expect(recorder.error.isEmpty)
        let lines = recorder.output.split(separator: "\n")
        let objects = try lines.map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(
            objects.compactMap { $0["event"] as? String } == [
                "run_started", "worker_connected", "image_started", "image_progress",
                "image_progress", "image_progress", "image_sampled", "image_written",
                "image_failed", "run_finished",
            ])
        #expect(objects.compactMap { $0["time"] as? Double } == [0, 0, 0, 1, 2, 3, 4, 5, 5, 5])
        #expect(Set(objects[5].keys) == ["event", "time", "index", "worker", "step", "steps"])
        #expect(objects[7]["file"] as? String == "00000-42.png")
        #expect(objects[9]["images_failed"] as? Int == 3)
    }

    /// The pace is that of this session.
    @Test func picturesFromBeforeCostNoTime() {
        #expect(
            RunMessage.text(for: .runFinished(written: 4, failed: 0, kept: 1, seconds: 9))
                == "3 images in 0:09 (3.0 s per image), 1 from before")
        #expect(
            RunMessage.text(for: .runFinished(written: 4, failed: 0, kept: 4, seconds: 0.1))
                == "0 images in 0:00, 4 from before")
    }

    @Test func everyEventIsValidJSON() throws {
        let text = "\"quoted\" \\ \u{1B} \n 雪"
        let events: [RunEvent] = [
            .runStarted(stepCounts: [1, 2], baseSeed: .max),
            .workerConnected(worker: text, kernelClass: text),
            .workerLost(worker: text, reason: text),
            .imageStarted(image: 1, worker: text, attempt: 2),
            .imageProgress(image: 1, worker: text, step: 3, stepCount: 25),
            .imageSampled(image: 1, worker: text),
            .imageWritten(image: 1, worker: text, file: text, seconds: .nan),
            .imageRetried(image: 1, worker: text, reason: text),
            .imageFailed(image: 1, reason: text), .warning(text),
            .runFinished(written: 2, failed: 0, kept: 1, seconds: 1.23456),
        ]
        for event in events {
            let line = event.jsonLine(time: 0.1234567)
            #expect(!line.contains("\n"))
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["time"] as? Double == 0.123)
            for key in ["worker", "reason", "message", "file"] {
                if let value = object[key] as? String { #expect(value == text) }
            }
        }
        #expect(events[0].jsonLine(time: 0).contains("\"base_seed\":18446744073709551615"))
    }

    @Test func theBarAppearsOnlyWhereNothingElseIsWritten() {
        typealias Mode = ProgressDisplay.Mode
        func mode(_ error: Bool, _ output: Bool, _ json: Bool) -> Mode {
            .suited(errorIsTerminal: error, outputIsTerminal: output, json: json, style: style)
        }
        #expect(mode(true, true, false) == .terminal(style))
        #expect(mode(true, false, true) == .terminal(style))
        #expect(mode(true, true, true) == .plain)
        #expect(mode(false, true, false) == .plain)
    }

    @Test func aTerminalWithoutCursorMovementsGetsLines() {
        for terminal in [nil, "", "dumb", "unknown"] {
            let style = TerminalStyle(
                environment: ["TERM": terminal, "LANG": "C.UTF-8"].compactMapValues { $0 })
            #expect(style == nil)
            #expect(
                .plain
                    == ProgressDisplay.Mode.suited(
                        errorIsTerminal: true, outputIsTerminal: true, json: false, style: style))
        }
    }

    @Test func theEnvironmentChoosesColourAndCharacters() {
        func style(_ environment: [String: String]) -> TerminalStyle? {
            TerminalStyle(environment: environment.merging(["TERM": "xterm"]) { own, _ in own })
        }
        #expect(style([:]) == TerminalStyle(usesColor: true, usesUnicode: false))
        #expect(
            style(["LC_ALL": "", "LANG": "de_DE.UTF-8", "NO_COLOR": "1"])
                == TerminalStyle(usesColor: false, usesUnicode: true))
        #expect(
            style(["LC_ALL": "C", "LANG": "de_DE.utf8", "NO_COLOR": ""])
                == TerminalStyle(usesColor: true, usesUnicode: false))
    }
}
