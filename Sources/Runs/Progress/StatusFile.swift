// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Requests

/// Keeps a run's status in its directory up to date, on a thread of its own.
///
/// The file is replaced once a second and removed in the end: one that stays behind was left by a
/// coordinator that was killed.
package final class StatusFile: Sendable {
    private static let interval = DispatchTimeInterval.seconds(1)

    private let directory: RunDirectory
    private let monitor: RunMonitor
    private let end = DispatchSemaphore(value: 0)
    private let hasEnded = DispatchSemaphore(value: 0)

    /// Begins to write.
    package init(in directory: RunDirectory, of monitor: RunMonitor) {
        self.directory = directory
        self.monitor = monitor
        let thread = Thread { [self] in work() }
        thread.name = "status"
        thread.start()
    }

    /// Stops, removes the file and waits until that is done.
    ///
    /// Call it once.
    package func finish() {
        end.signal()
        hasEnded.wait()
    }

    private func work() {
        repeat {
            // A full disk, say, is reported where pictures are written.
            if let bytes = try? JSONText.file(monitor.status) {
                try? directory.replace(RunFileName.status, bytes: bytes)
            }
        } while end.wait(timeout: .now() + Self.interval) == .timedOut
        directory.removeNow(RunFileName.status)
        hasEnded.signal()
    }
}
