// SPDX-License-Identifier: Apache-2.0

/// The version that all three programs report and write into pictures.
package enum ProgramVersion {
    /// `retom 0.1.0`
    package static let text = "retom \(number)"
    /// `0.1.0`
    package static let number = "0.1.0"
}
