// SPDX-License-Identifier: Apache-2.0

import Coordinator

// Tests name connections by numbers, and images (`ImageNumber+Literal.swift`).

extension ConnectionID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt64) { self.init(value) }
}

/// The connections of these numbers.
func connections(_ numbers: ClosedRange<UInt64>) -> [ConnectionID] {
    numbers.map { ConnectionID($0) }
}
