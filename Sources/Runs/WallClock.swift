// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// The time of day, for records; passed in, so that a test decides what it is.
package struct WallClock: Sendable {
    /// The date now.
    package let now: @Sendable () -> Date

    /// A clock that says what `now` says.
    package init(now: @escaping @Sendable () -> Date) { self.now = now }

    /// This machine's.
    package static let system = WallClock { Date() }
}
