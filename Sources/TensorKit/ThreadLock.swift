// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A lock for work that takes a while and passes on values that only its holder uses.
///
/// `Mutex` guards a value and hands out nothing that is tied to it; a cache of tensors and lanes
/// that compute are both. Whoever waits sleeps.
///
/// `@unchecked Sendable`: the mutex is the system's, at a fixed address.
package final class ThreadLock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    package init() {
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Calls `body` while no other thread is in such a call; not from within one.
    package func whileLocked<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}
