// SPDX-License-Identifier: Apache-2.0

/// The version that all three programs report and write into pictures.
package enum ProgramVersion {
    /// The name and the number.
    package static let text = "\(name) \(number)"
    /// What the programs' names begin with.
    package static let name = "retom"
    /// The number alone.
    package static let number = "0.1.0"
}
