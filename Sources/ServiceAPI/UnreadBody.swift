// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A body that is read when it is needed: a request that is one too many costs no reading.
package final class UnreadBody<Value: Sendable>: Sendable {
    package typealias Read = @Sendable () throws(APIProblem) -> Value

    private let read: Read
    private let outcome = Mutex<Result<Value, APIProblem>?>(nil)

    /// - Parameter read: reads it; called once at most.
    package init(_ read: @escaping Read) { self.read = read }

    /// What it says.
    ///
    /// - Throws: what is wrong with it.
    package var value: Value {
        get throws(APIProblem) {
            try outcome.withLock { outcome in
                let result = outcome ?? Result(catching: read)
                outcome = result
                return result
            }.get()
        }
    }
}
