// SPDX-License-Identifier: Apache-2.0

/// The result of one image of a run: who sampled it, how, and the facts about its latents.
///
/// The latents themselves are in the run's archive, by their digest.
package struct ImageResult: Sendable, Equatable {
    /// Which image.
    package var image: ImageNumber
    /// Address of the worker that sampled it.
    package var worker: String
    /// That worker's kernel class.
    package var kernelClass: String
    /// Which attempt succeeded, from 1.
    package var attempt: Int
    /// The facts about its latents.
    package var facts: SampledImage.Facts

    /// Describes a result.
    package init(
        image: ImageNumber, worker: String, kernelClass: String, attempt: Int,
        facts: SampledImage.Facts
    ) {
        self.image = image
        self.worker = worker
        self.kernelClass = kernelClass
        self.attempt = attempt
        self.facts = facts
    }
}
