// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import WireProtocol

/// What a coordinator knows of an earlier life of its run.
package struct ResumedRun: Sendable {
    /// Images with a stored result, and its SHA-256.
    package var completed: [Int: [UInt8]]
    /// At least the largest fencing token that was granted before.
    package var tokenBase: UInt64
    /// The newest checkpoints of images that were not done.
    package var checkpoints: [Int: SamplingCheckpoint]

    /// A run that begins; or one that goes on with what was stored.
    package init(
        completed: [Int: [UInt8]] = [:], tokenBase: UInt64 = 0,
        checkpoints: [Int: SamplingCheckpoint] = [:]
    ) {
        self.completed = completed
        self.tokenBase = tokenBase
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
