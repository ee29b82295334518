// SPDX-License-Identifier: Apache-2.0

/// Why one end of a connection does not have the other.
struct AdmissionError: Error {
    /// One sentence.
    var reason: String
    /// Whether trying again is of no use.
    var isFinal: Bool
}
