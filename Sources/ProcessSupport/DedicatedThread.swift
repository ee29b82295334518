// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Long blocking work beside asynchronous code.
package enum DedicatedThread {
    /// Runs `body` on a thread of its own, so that loading and hashing gigabytes holds up neither
    /// the cooperative pool nor an event loop.
    package static func run<Value: Sendable>(
        named name: String, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result(catching: body)) }
            thread.name = name
            thread.start()
        }
    }
}
