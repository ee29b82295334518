// SPDX-License-Identifier: Apache-2.0

package import CommandSupport
import Requests
package import Runs
import Synchronization

/// Shows a run in progress; safe to call from any thread, which blocks while the streams do:
/// `ProgressFeed` keeps that from the rest of the program.
///
/// Pass every event to `report` after the monitor has it, and call `tick` about five times a second
/// so that the time left counts down while steps are long. `finish` restores the terminal.
package final class ProgressDisplay: Sendable {
    /// What people get on standard error.
    package enum Mode: Sendable, Equatable {
        /// A bar that is redrawn.
        case terminal(TerminalStyle)
        /// Lines.
        case plain
        /// Nothing (`--quiet`).
        case silent

        /// The mode that suits the streams: a bar only where nothing else is written to its
        /// terminal.
        ///
        /// - Parameter style: `nil` for a terminal that shows lines only.
        package static func suited(
            errorIsTerminal: Bool, outputIsTerminal: Bool, json: Bool, style: TerminalStyle?
        ) -> Mode {
            guard let style, errorIsTerminal, !(json && outputIsTerminal) else { return .plain }
            return .terminal(style)
        }
    }

    /// Least seconds between two frames.
    private static let frameInterval = 0.08

    private struct State {
        var plain = PlainProgress()
        var painter: TerminalPainter
        var lastFrameTime = -Double.infinity
        var isFinished = false
    }

    private let mode: Mode
    private let json: Bool
    private let prompts: [String]
    private let console: ConsoleStreams
    private let monitor: RunMonitor
    private let state: Mutex<State>

    /// Makes a display.
    ///
    /// - Parameters:
    ///   - mode: What people get on standard error.
    ///   - json: Whether every event becomes a line of JSON on standard output.
    ///   - prompts: Prompt of every image, in order.
    ///   - console: The streams and the clock.
    ///   - monitor: What knows the run's progress.
    package init(
        mode: Mode, json: Bool, prompts: [String], console: ConsoleStreams, monitor: RunMonitor
    ) {
        self.mode = mode
        self.json = json
        self.prompts = prompts
        self.console = console
        self.monitor = monitor
        var usesColor = false
        if case .terminal(let style) = mode { usesColor = style.usesColor }
        state = Mutex(State(painter: TerminalPainter(usesColor: usesColor)))
    }

    /// Shows an event that the monitor knows.
    ///
    /// - Parameter time: when it happened, on the console's clock; `nil` for now.
    package func report(_ event: RunEvent, at time: Double? = nil) {
        state.withLock { state in
            guard !state.isFinished else { return }
            let time = time ?? console.seconds()
            if json {
                let elapsed = time - monitor.startTime
                console.writeOutput(event.jsonLine(time: max(0, elapsed)) + "\n")
            }
            switch mode {
            case .silent:
                // Silence is for progress, not for trouble, which JSON tells as well.
                if !json, event.isTrouble, let line = RunMessage.text(for: event) {
                    console.writeError(TerminalText.sanitized(line) + "\n")
                }
            case .plain:
                let lines = monitor.read(at: time) { progress, remaining in
                    state.plain.lines(
                        for: event, progress: progress, remainingSeconds: remaining, at: time)
                }
                for line in lines { console.writeError(line + "\n") }
            case .terminal(let style):
                showOnTerminal(event, style, &state, time)
            }
            if case .runFinished = event { state.isFinished = true }
        }
    }

    /// Redraws the bar if it is time to.
    package func tick() {
        guard case .terminal(let style) = mode else { return }
        state.withLock { state in
            guard !state.isFinished else { return }
            draw(style, &state, console.seconds(), isUrgent: false)
        }
    }

    /// Takes the bar away, when a run ends otherwise than by `runFinished`.
    package func finish() {
        guard case .terminal = mode else { return }
        state.withLock { state in
            guard !state.isFinished else { return }
            state.isFinished = true
            console.writeError(state.painter.erase(columns: console.size().columns))
        }
    }

    private func showOnTerminal(
        _ event: RunEvent, _ style: TerminalStyle, _ state: inout State, _ time: Double
    ) {
        let size = console.size()
        if let message = RunMessage.text(for: event) {
            var line = StyledLine()
            line.add(message, ProgressDisplay.look(of: event))
            console.writeError(state.painter.insertAbove([line], columns: size.columns))
            if case .runFinished = event { return }
            draw(style, &state, time, isUrgent: true)
        } else {
            draw(style, &state, time, isUrgent: false)
        }
    }

    private func draw(_ style: TerminalStyle, _ state: inout State, _ time: Double, isUrgent: Bool)
    {
        guard isUrgent || time - state.lastFrameTime >= ProgressDisplay.frameInterval else {
            return
        }
        let size = console.size()
        let lines: [StyledLine]? = monitor.read(at: time) { progress, remaining in
            guard progress.imageCount > 0 else { return nil }
            return ProgressFrame.lines(
                progress, remainingSeconds: remaining, prompts: prompts, columns: size.columns,
                rows: size.rows, usesUnicode: style.usesUnicode)
        }
        guard let lines else { return }
        state.lastFrameTime = time
        console.writeError(state.painter.paint(lines, columns: size.columns))
    }

    private static func look(of event: RunEvent) -> StyledLine.Look {
        switch event {
        case .imageFailed, .workerLost: .bad
        case .runFinished(_, let failed, _, _): failed == 0 ? .good : .bad
        case .runStarted: .dim
        default: .plain
        }
    }
}
