// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Warnings of a test, from any thread.
final class Warnings: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func add(_ text: String) { texts.withLock { $0.append(text) } }
}
