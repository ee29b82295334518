// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A door that stops sampling threads until the test opens it.
final class Gate: Sendable {
    private let isOpen = Atomic(false)

    func open() { isOpen.store(true, ordering: .releasing) }

    /// Waits, looking a few times per millisecond; for threads that may block.
    ///
    /// After half a minute the door gives way for good, so that a test that failed ends.
    func wait() {
        for _ in 0..<150_000 {
            if isOpen.load(ordering: .acquiring) { return }
            usleep(200)
        }
        open()
    }
}
