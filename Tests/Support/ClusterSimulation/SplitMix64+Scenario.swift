// SPDX-License-Identifier: Apache-2.0

package import TestSupport

/// What scenarios draw.
extension SplitMix64 {
    /// True once in `n` times; never for 0.
    mutating func oneIn(_ n: Int) -> Bool { n > 0 && below(n) == 0 }

    /// A number from 0 up to `n`, without it.
    package mutating func below(_ n: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(n)).high)
    }

    mutating func between(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.count)
    }

    mutating func seconds(_ range: ClosedRange<Double>) -> Duration {
        let share = Double(below(1 << 20)) / Double(1 << 20)
        let value = range.lowerBound + share * (range.upperBound - range.lowerBound)
        return .milliseconds(Int64(value * 1000))
    }

    /// All numbers below `count`, in some order.
    mutating func shuffled(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for index in order.indices.dropFirst().reversed() {
            order.swapAt(index, below(index + 1))
        }
        return order
    }
}
