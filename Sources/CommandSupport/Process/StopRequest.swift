// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// What termination signals ask of a program: first to finish gracefully, then to end at once.
package final class StopRequest: Sendable {
    private struct State {
        var signal: TerminationSignal?
        var finish: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())
    private let idleExit: ProgramExit?

    /// Watches the signals from now on; `SignalWatcher.block()` must have been called in `main`.
    ///
    /// - Parameter idleExit: how a program ends that is stopped before `onRequest`, when there is
    ///   nothing to finish yet; by the signal's own number if left out.
    package init(idleExit: ProgramExit? = nil) {
        self.idleExit = idleExit
        SignalWatcher.start { self.request($0) }
    }

    /// How a program ends that was stopped before its work was done; `nil` while nobody asked.
    package var interruption: ProgramExit? {
        state.withLock(\.signal).map(ProgramExit.init(endedBy:))
    }

    /// Says how to finish gracefully; the second request ends the program whatever it does.
    package func onRequest(_ finish: @escaping @Sendable () -> Void) {
        state.withLock { $0.finish = finish }
    }

    private func request(_ signal: TerminationSignal) {
        let (isFirst, finish) = state.withLock { state in
            defer { state.signal = state.signal ?? signal }
            return (state.signal == nil, state.finish)
        }
        let ending = ProgramExit(endedBy: signal)
        guard isFirst else { _exit(ending.rawValue) }
        guard let finish else { _exit((idleExit ?? ending).rawValue) }
        finish()
    }
}
