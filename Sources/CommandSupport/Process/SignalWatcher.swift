// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Turns termination signals into calls on an ordinary thread, where anything may be done.
package enum SignalWatcher {
    /// Calls `handler` for every SIGTERM and SIGINT from now on, one at a time.
    ///
    /// Call it first thing in `main`: the signals are blocked for the calling thread and all that
    /// it starts later, and one thread waits for them.
    package static func start(_ handler: @escaping @Sendable (TerminationSignal) -> Void) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in TerminationSignal.allCases { sigaddset(&signals, signal.number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
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
            context.release()
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        }
    }
}

/// A signal by which a user or a service manager ends a program.
package enum TerminationSignal: CaseIterable, Sendable {
    /// `kill`, systemd, Slurm, Kubernetes.
    case terminate
    /// Ctrl-C.
    case interrupt

    /// The system's number.
    package var number: Int32 {
        switch self {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
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
