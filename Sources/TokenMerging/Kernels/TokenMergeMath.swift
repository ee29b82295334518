// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The one place that needs the C library's mathematics.
enum TokenMergeMath {
    /// Natural logarithm.
    static func log(_ value: Double) -> Double { Glibc.log(value) }
}
