// SPDX-License-Identifier: Apache-2.0

/// A scheduler's configuration that can't be used, with its place.
package struct SchedulerFileError: Error, Equatable, CustomStringConvertible {
    /// The model's `scheduler` directory.
    package let directory: String
    package let error: SchedulerError

    package var description: String { "\(directory): \(error)" }
}
