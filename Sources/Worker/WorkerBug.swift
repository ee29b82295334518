// SPDX-License-Identifier: Apache-2.0

/// Deliberate bugs, so that the simulation can prove that it detects them.
///
/// No program ever sets one.
package enum WorkerBug: String, Sendable, CaseIterable {
    /// Results kept for one coordinator are sent to any coordinator that connects.
    case resendToAnyone
    /// A kept result answers any request with the same number.
    case adoptByNumber
    /// One image more begins than can be sampled at the same time.
    case sampleTwo
    /// The PREPARE of one image also applies to the next one.
    case keepPrepared
}
