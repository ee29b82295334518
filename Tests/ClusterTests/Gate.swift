// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A door that stops sampling threads until the test opens it.
final class Gate: Sendable {
    private let locks: Atomic<Int>

    /// - Parameter locks: how often it has to be opened.
    init(locks: Int = 1) { self.locks = Atomic(locks) }

    func open() { locks.wrappingSubtract(1, ordering: .releasing) }

    /// Waits, looking a few times per millisecond; for threads that may block.
    ///
    /// After three minutes the door gives way for good, so that a test that failed ends.
    func wait() {
        for _ in 0..<900_000 {
            if locks.load(ordering: .acquiring) <= 0 { return }
            usleep(200)
        }
        locks.store(0, ordering: .releasing)
    }
}
