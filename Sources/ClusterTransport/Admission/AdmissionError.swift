// SPDX-License-Identifier: Apache-2.0

/// Why one end of a connection refuses the other.
struct AdmissionError: Error {
    /// One sentence.
    var reason: String
    /// Whether retrying is pointless.
    var isFinal: Bool
}
