// SPDX-License-Identifier: Apache-2.0

/// The state of an image between two steps, from which another worker can resume it.
///
/// The cluster carries and keeps it without looking inside.
package struct SamplingCheckpoint: Sendable, Equatable {
    /// Denoising steps done.
    package var step: Int
    /// Only a worker of the same class resumes to the same bytes.
    package var kernelClass: String
    /// What the generator wrote.
    package var bytes: [UInt8]

    /// Makes a checkpoint.
    package init(step: Int, kernelClass: String, bytes: [UInt8]) {
        self.step = step
        self.kernelClass = kernelClass
        self.bytes = bytes
    }
}
