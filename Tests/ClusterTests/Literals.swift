// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes

// Tests name images and connections by numbers.

extension ImageNumber: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int) { self.init(value) }
}

extension ConnectionID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt64) { self.init(value) }
}

/// The connections of these numbers.
func connections(_ numbers: ClosedRange<UInt64>) -> [ConnectionID] {
    numbers.map { ConnectionID($0) }
}
