// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Where the account of a run is kept, so that no crash can take it away.
///
/// Called on threads that may wait for the disk.
package protocol RunStoring: Sendable {
    /// Writes latents; returns when they are on the disk. May be called on several threads at once.
    func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws

    /// Books results, whose latents are written, and failed attempts: all of them or none.
    ///
    /// Returns when they are on the disk.
    func commit(_ entries: [RunEntry]) throws

    /// Keeps how far an image is until it has an outcome, in place of what was kept before.
    ///
    /// Nothing depends on it but the steps that it saves.
    func keep(_ checkpoint: SamplingCheckpoint, of item: Int) throws
}

/// What a coordinator wants to be remembered.
package enum RunEntry: Sendable {
    /// An image has its result.
    case result(ResultEntry)
    /// An attempt failed; after the last one the image has failed.
    case failure(item: Int, AttemptFailure, isFinal: Bool)
    /// The result of an image that was booked before is worth nothing: the image is open again.
    case forgotten(item: Int)
}

/// The result of an image without its latents.
package struct ResultEntry: Sendable {
    /// Number of the image.
    package var item: Int
    /// Address of the worker that sampled it.
    package var worker: String
    /// That worker's kernels.
    package var kernelClass: String
    /// Which attempt succeeded, from 1.
    package var attempt: Int
    /// The step of the checkpoint that it went on from; 0 for the beginning.
    package var resumedStep: Int
    /// Where the worker's time went.
    package var timings: GenerationTimings
    /// What merging tokens came to.
    package var tokenMerging: TokenMergeStatistics
    /// The latents, which were written before.
    package var latents: GeneratedLatents
    /// SHA-256 of their little-endian f32 bytes.
    package var sha256: [UInt8]
}
