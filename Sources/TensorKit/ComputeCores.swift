// SPDX-License-Identifier: Apache-2.0

import CThreadTeam

/// The cores that several pictures share: a lane that computes holds one for each of its threads.
///
/// More lanes than cores may want to compute. The system would let them take turns within a
/// product, each time with the other's data in the cache; here a lane keeps its cores until its pass
/// ends or it has to wait for another lane, and then the next in line begins.
///
/// `@unchecked Sendable`: the handle never changes, and the counter behind it has a lock.
package final class ComputeCores: @unchecked Sendable {
    /// How many there are.
    package let count: Int
    let handle: OpaquePointer

    /// - Precondition: at least one.
    package init(count: Int) {
        precondition(count > 0, "\(count) cores")
        guard let handle = rt_cores_create(Int32(count)) else {
            preconditionFailure("no memory for a counter")
        }
        self.count = count
        self.handle = handle
    }

    deinit { rt_cores_destroy(handle) }

    /// Calls `body` while the calling thread holds so many cores, at most all; it must not take
    /// more of them, or wait for somebody who does.
    package func holding<Result>(
        _ wanted: Int, _ body: () throws -> Result
    ) rethrows -> Result {
        rt_cores_acquire(handle, Int32(wanted))
        defer { rt_cores_release(handle, Int32(wanted)) }
        return try body()
    }
}
