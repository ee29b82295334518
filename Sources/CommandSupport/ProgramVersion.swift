// SPDX-License-Identifier: Apache-2.0

/// The version that all three programs report and write into pictures.
package enum ProgramVersion {
    /// Name and number, such as `retom 0.1.0`.
    package static let text = "retom \(number)"
    /// The number alone.
    package static let number = "0.1.0"
}
