// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import WireProtocol

/// A result that is stored, with everything that its picture and its records need.
package struct StoredLatents: Sendable, Equatable {
    /// Number of the image.
    package var image: ImageNumber
    /// What was asked for.
    package var request: GenerationRequest
    /// What the worker sampled.
    package var result: LatentResult
    /// Address of the worker.
    package var worker: String
    /// That worker's kernels.
    package var kernelClass: String
    /// The worker's picture of the latents; without, they are decoded here.
    package var picture: WorkerPicture?
}
