// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How many connections each address has.
final class PeerCount: Sendable {
    /// Connections of one address at once.
    static let connectionCountMax = 256

    private let counts = Mutex<[String: Int]>([:])

    /// Adds a connection.
    ///
    /// - Returns: whether it may stay.
    func add(_ peer: String) -> Bool {
        counts.withLock { counts in
            counts[peer, default: 0] += 1
            return counts[peer, default: 0] <= Self.connectionCountMax
        }
    }

    func remove(_ peer: String) {
        counts.withLock { counts in
            let left = counts[peer, default: 1] - 1
            counts[peer] = left > 0 ? left : nil
        }
    }
}
