// SPDX-License-Identifier: Apache-2.0

package import CommandSupport
import Dispatch
import Foundation
package import Runs
import Synchronization

/// Shows a run on a thread of its own, in order: a terminal stopped by Ctrl-S or a full pipe holds
/// up nobody else.
///
/// While nobody reads, steps beyond `backlogMax` events are left out, since later ones tell more;
/// everything else waits until it can be shown. Call `finish` in the end.
package final class ProgressFeed: Sendable {
    /// Events that may wait before steps are left out.
    package static let backlogMax = 1024
    /// How often the time left counts down while nothing happens.
    private static let tickInterval = DispatchTimeInterval.milliseconds(200)

    private struct State {
        var waiting: [(event: RunEvent, time: Double)] = []
        var isFinished = false
        var onEnd: CheckedContinuation<Void, Never>?
    }

    private let display: ProgressDisplay
    private let monitor: RunMonitor
    private let seconds: @Sendable () -> Double
    private let state = Mutex(State())
    /// Counts the changes of `state` that the thread has not seen.
    private let changes = DispatchSemaphore(value: 0)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - display: what shows the events; nobody else should use it.
    ///   - console: the display's, for its clock.
    ///   - monitor: the display's; it gets every event at once, however slow the display is.
    package init(
        _ display: ProgressDisplay, console: ConsoleStreams, monitor: RunMonitor
    ) {
        self.display = display
        self.monitor = monitor
        seconds = console.seconds
        let thread = Thread { [self] in work() }
        thread.name = "progress"
        thread.start()
    }

    /// Queues an event; never blocks.
    package func report(_ event: RunEvent) {
        let time = seconds()
        monitor.note(event, at: time)
        state.withLock { state in
            if case .imageProgress = event, state.waiting.count >= Self.backlogMax { return }
            state.waiting.append((event, time))
        }
        changes.signal()
    }

    /// Waits until everything reported before is shown, leaves the terminal as it was found and
    /// ends the thread.
    package func finish() async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.isFinished = true
                state.onEnd = continuation
            }
            changes.signal()
        }
    }

    private func work() {
        while true {
            let isChanged = changes.wait(timeout: .now() + Self.tickInterval) == .success
            let (events, isFinished) = state.withLock { state in
                defer { state.waiting = [] }
                return (state.waiting, state.isFinished)
            }
            for (event, time) in events { display.report(event, at: time) }
            if isFinished { break }
            if !isChanged { display.tick() }
        }
        display.finish()
        state.withLock { $0.onEnd }?.resume()
    }
}
