// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Counts the lies told and the images completed; honest workers wait for it, so that the run lasts
/// as long as the liar.
///
/// `@unchecked Sendable`: the condition's lock protects everything.
final class LieCounter: @unchecked Sendable {
    private let condition = NSCondition()
    private var told = 0
    private var completed: Set<Int> = []
    private let onTenth: @Sendable () -> Void
    private let tenth: Int

    /// - Parameters:
    ///   - total: lies to be told.
    ///   - onTenth: called ten times along the way.
    init(total: Int, onTenth: @escaping @Sendable () -> Void) {
        tenth = max(1, total / 10)
        self.onTenth = onTenth
    }

    /// Lies so far.
    var count: Int { condition.withLock { told } }

    /// Counts lies.
    func add(_ count: Int) {
        let tenths = condition.withLock {
            let before = told / tenth
            told += count
            condition.broadcast()
            return told / tenth - before
        }
        for _ in 0..<tenths { onTenth() }
    }

    /// Waits until so many were told; for threads that may block.
    func wait(until count: Int) {
        condition.withLock {
            while told < count { condition.wait() }
        }
    }

    /// Records that an image is complete.
    func note(completed item: Int) {
        _ = condition.withLock { completed.insert(item) }
    }

    /// Whether an image is complete.
    func isCompleted(_ item: Int) -> Bool {
        condition.withLock { completed.contains(item) }
    }
}
