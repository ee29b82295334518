// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What earlier sessions of a run left behind.
package struct ResumedRun: Sendable {
    /// Images with a stored result, and its SHA-256.
    package var completed: [ImageNumber: [UInt8]]
    /// Images that failed, with their reasons.
    package var failed: [ImageNumber: [FailedAttempt]]
    /// Which session of the run this is, from 1.
    package var session: Int
    /// The key by which leases are known again; `nil` makes one, and then no lease of an earlier
    /// session counts.
    package var leaseKey: [UInt8]?
    /// The name of all sessions of a run towards workers, 16 bytes; `nil` makes one.
    package var instance: [UInt8]?
    /// The newest checkpoints of images without an outcome.
    package var checkpoints: [ImageNumber: SamplingCheckpoint]

    /// A run that begins, or one that resumes from what was stored.
    package init(
        completed: [ImageNumber: [UInt8]] = [:], failed: [ImageNumber: [FailedAttempt]] = [:],
        session: Int = 1, leaseKey: [UInt8]? = nil, instance: [UInt8]? = nil,
        checkpoints: [ImageNumber: SamplingCheckpoint] = [:]
    ) {
        self.completed = completed
        self.failed = failed
        self.session = session
        self.leaseKey = leaseKey
        self.instance = instance
        self.checkpoints = checkpoints
    }
}
