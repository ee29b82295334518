// SPDX-License-Identifier: Apache-2.0

import GRDB
import Glibc

/// Waits while another program (a backup, a reader) holds a lock on the database, and says so: it
/// costs time and no run.
package final class LockedDatabase: Sendable {
    /// What to do after a try that found the database locked.
    package enum Step: Equatable {
        case wait
        /// Wait, and say for how many seconds it has lasted.
        case say(seconds: Int)
        case giveUp
    }

    /// Microseconds between two tries.
    private static let pause = 50_000
    private static let triesPerSecond = 1_000_000 / pause
    private static let secondsMax = 600

    private let onWait: @Sendable (String) -> Void
    private let path: String

    /// - Parameter onWait: receives a sentence that says what is waited for.
    init(path: String, onWait: @escaping @Sendable (String) -> Void) {
        self.path = path
        self.onWait = onWait
    }

    /// - Parameter tries: how many there were, of this lock.
    package static func step(tries: Int) -> Step {
        guard tries < secondsMax * triesPerSecond else { return .giveUp }
        let (seconds, rest) = tries.quotientAndRemainder(dividingBy: triesPerSecond)
        return rest == 0 && (seconds == 2 || seconds > 0 && seconds % 60 == 0)
            ? .say(seconds: seconds) : .wait
    }

    /// SQLite's handler of locks.
    var mode: Database.BusyMode {
        .callback { [self] tries in
            switch Self.step(tries: tries) {
            case .giveUp: return false
            case .say(let seconds):
                onWait(
                    "\(path) is locked by another program for \(seconds) s; the run waits for it")
            case .wait: break
            }
            usleep(useconds_t(Self.pause))
            return true
        }
    }
}
