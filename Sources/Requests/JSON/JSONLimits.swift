// SPDX-License-Identifier: Apache-2.0

/// How much JSON is read: small texts can ask for much memory.
package struct JSONLimits: Sendable, Equatable {
    /// Objects and arrays within each other, at most.
    package var depth: Int
    /// Values of all kinds, at most.
    package var valueCount: Int

    /// Describes limits.
    package init(depth: Int, valueCount: Int) {
        self.depth = depth
        self.valueCount = valueCount
    }

    /// Of a request's body.
    package static let body = JSONLimits(depth: 32, valueCount: 100_000)
    /// Of a prompt file that a client sends: of the whole where it is one array, else of a line.
    package static let promptFile = JSONLimits(depth: 32, valueCount: 250_000)
    /// Of a file of this machine.
    package static let file = JSONLimits(depth: 128, valueCount: .max)
}
