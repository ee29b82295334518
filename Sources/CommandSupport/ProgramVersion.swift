// SPDX-License-Identifier: Apache-2.0

/// The version that all three programs report and write into pictures.
package enum ProgramVersion {
    /// The name and the number.
    package static let text = "retom \(number)"
    /// The number alone.
    package static let number = "0.1.0"
}
