// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Tests name images by numbers.
extension ImageNumber: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int) { self.init(value) }
}
