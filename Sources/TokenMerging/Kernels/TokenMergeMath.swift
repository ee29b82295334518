// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Token counts, and the C library's mathematics.
enum TokenMergeMath {
    /// Natural logarithm.
    static func log(_ value: Double) -> Double { Glibc.log(value) }

    /// ⌊count · factor⌋, clamped to 0 and a limit whatever the factor: a number of tokens.
    ///
    /// NaN counts as 0.
    static func count(_ count: Int, times factor: Double, atMost limit: Int) -> Int {
        let product = Double(count) * factor
        guard product > 0 else { return 0 }
        return product < Double(limit) ? Int(product) : max(limit, 0)
    }
}
