// SPDX-License-Identifier: Apache-2.0

/// Deliberate mistakes, for the simulation to prove that it would find them.
///
/// No program ever sets one.
package enum WorkerBug: String, Sendable, CaseIterable {
    /// Results that were kept for one coordinator are sent to whoever comes.
    case resendToAnyone
    /// A kept result answers any request with the same number.
    case adoptByNumber
    /// A second image begins before the first has ended.
    case sampleTwo
    /// What PREPARE said about one image holds for the next one too.
    case keepPrepared
}
