// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Turns termination signals into calls on an ordinary thread, where anything may be done.
package enum SignalWatcher {
    /// Blocks the signals for the calling thread and all that it starts later.
    ///
    /// A process dies of a signal that a single one of its threads lets through, so call it first
    /// thing in a synchronous `main`, before there is another thread, and `start` soon after.
    package static func block() {
        var signals = signalSet
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Calls `handler` for every termination signal from now on, one at a time, on a thread of its
    /// own.
    package static func start(_ handler: @escaping @Sendable (TerminationSignal) -> Void) {
        let signals = signalSet
        let context = Unmanaged.passRetained(Watch(signals: signals, handler: handler))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Watch>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        if status == 0 {
            pthread_detach(thread)
        } else {
            // Without a watcher the signals must do what they always did.
            context.release()
            var signals = signals
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        }
    }

    /// All signals but those that the parent process ignores (`nohup`, `&` in a script).
    private static var signalSet: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in TerminationSignal.allCases {
            var action = sigaction()
            sigaction(signal.number, nil, &action)
            let isIgnored =
                unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
            if !isIgnored { sigaddset(&signals, signal.number) }
        }
        return signals
    }
}

/// A signal by which a user or a service manager ends a program.
package enum TerminationSignal: CaseIterable, Sendable {
    /// `kill`, systemd, Slurm, Kubernetes.
    case terminate
    /// Ctrl-C.
    case interrupt
    /// The terminal is gone.
    case hangUp

    /// The system's number.
    package var number: Int32 {
        switch self {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
        case .hangUp: SIGHUP
        }
    }
}

/// What the waiting thread needs.
private final class Watch: Sendable {
    private let signals: sigset_t
    private let handler: @Sendable (TerminationSignal) -> Void

    init(signals: sigset_t, handler: @escaping @Sendable (TerminationSignal) -> Void) {
        self.signals = signals
        self.handler = handler
    }

    func run() {
        var signals = signals
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            if let signal = TerminationSignal.allCases.first(where: { $0.number == number }) {
                handler(signal)
            }
        }
    }
}
