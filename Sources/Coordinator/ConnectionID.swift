// SPDX-License-Identifier: Apache-2.0

/// Names a connection, or an attempt to connect; no two of one coordinator have the same.
package struct ConnectionID: Hashable, Sendable, CustomStringConvertible {
    /// How many connections there were before it, and itself.
    package let rawValue: UInt64

    /// Names a connection.
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var description: String { "\(rawValue)" }
}
