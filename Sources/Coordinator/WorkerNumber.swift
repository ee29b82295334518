// SPDX-License-Identifier: Apache-2.0

/// The position of a worker in the list that a coordinator was given, from 0.
struct WorkerNumber: Hashable, Comparable, Sendable {
    /// The position.
    let rawValue: Int

    /// Numbers a worker.
    init(_ rawValue: Int) { self.rawValue = rawValue }

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
