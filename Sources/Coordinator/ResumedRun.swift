// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import WireProtocol

/// What a coordinator knows of an earlier life of its run.
package struct ResumedRun: Sendable {
    /// Images with a stored result, and its SHA-256.
    package var completed: [Int: [UInt8]]
    /// Images that were given up, with their reasons.
    package var failed: [Int: [AttemptFailure]]
    /// Which session of the run this is, from 1.
    package var session: Int
    /// What its leases are known again by; `nil` draws one, and then no lease of an earlier session
    /// counts.
    package var leaseKey: [UInt8]?
    /// The name of all lives of a run towards workers, 16 bytes; `nil` draws one.
    package var instance: [UInt8]?
    /// The newest checkpoints of images that were not done.
    package var checkpoints: [Int: SamplingCheckpoint]

    /// A run that begins; or one that goes on with what was stored.
    package init(
        completed: [Int: [UInt8]] = [:], failed: [Int: [AttemptFailure]] = [:],
        session: Int = 1, leaseKey: [UInt8]? = nil, instance: [UInt8]? = nil,
        checkpoints: [Int: SamplingCheckpoint] = [:]
    ) {
        self.completed = completed
        self.failed = failed
        self.session = session
        self.leaseKey = leaseKey
        self.instance = instance
        self.checkpoints = checkpoints
    }
}

/// A result that is being stored, and who waits for word of it.
struct StoringResult {
    var result: LatentResult
    var worker: String
    var kernelClass: String
    /// What the worker made of it.
    var picture: WorkerPicture?
    /// Connections that get RESULT-ACK when it is stored.
    var waiting: [(connection: UInt64, lease: Lease)]
}
