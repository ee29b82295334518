// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// What termination signals ask of a program: first to finish in order, then to end at once.
package final class StopRequest: Sendable {
    /// The shell's number for a program that Ctrl-C ended.
    private static let interruptedExitCode: Int32 = 130

    private struct State {
        var requestCount = 0
        var finish: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())
    private let idleExitCode: Int32

    /// Watches the signals from now on; `SignalWatcher.block()` must have been called in `main`.
    ///
    /// - Parameter idleExitCode: how a program ends that is stopped before `onRequest`, when there
    ///   is nothing to finish yet; 130 if left out.
    package init(idleExitCode: Int32? = nil) {
        self.idleExitCode = idleExitCode ?? StopRequest.interruptedExitCode
        SignalWatcher.start { _ in self.request() }
    }

    /// Says how to finish in order; the second request ends the program whatever it does.
    package func onRequest(_ finish: @escaping @Sendable () -> Void) {
        state.withLock { $0.finish = finish }
    }

    private func request() {
        let (count, finish) = state.withLock { state in
            state.requestCount += 1
            return (state.requestCount, state.finish)
        }
        guard count == 1 else { _exit(StopRequest.interruptedExitCode) }
        guard let finish else { _exit(idleExitCode) }
        finish()
    }
}
