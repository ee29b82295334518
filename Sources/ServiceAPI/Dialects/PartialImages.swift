// SPDX-License-Identifier: Apache-2.0

/// Which previews a stream of OpenAI's shows: as many as were asked for, evenly over the steps.
package struct PartialImages: Sendable {
    private let count: Int
    private var sentCount = 0
    private var lastStep = 0

    /// - Parameter count: partial images that were asked for.
    package init(count: Int) { self.count = count }

    /// Whether another may follow.
    package var isOpen: Bool { sentCount < count }

    /// The number, from 0, of the partial image that a preview is to be; `nil` for one that comes too
    /// early, or again.
    package mutating func number(of step: Int, of stepCount: Int) -> Int? {
        guard isOpen, step > lastStep, step * (count + 1) >= (sentCount + 1) * stepCount else {
            return nil
        }
        lastStep = step
        defer { sentCount += 1 }
        return sentCount
    }
}
