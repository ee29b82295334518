// SPDX-License-Identifier: Apache-2.0

/// Who asks: the holder of a key, or an address where no key is needed.
package struct CallerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// What tells callers apart.
    package let text: String

    /// Names a caller.
    package init(_ text: String) { self.text = text }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
