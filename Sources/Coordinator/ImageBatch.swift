// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Images that are submitted together and can be cancelled together.
package struct ImageBatch: Sendable {
    /// Names a batch; no two of one coordinator have the same.
    package struct ID: Hashable, Sendable, CustomStringConvertible {
        /// How many batches there were before it.
        package let rawValue: Int

        /// Names a batch.
        package init(_ rawValue: Int) { self.rawValue = rawValue }

        package var description: String { "\(rawValue)" }
    }

    /// One image to generate.
    package struct Image: Sendable {
        /// Its number, which no other image of the coordinator's instance has.
        package let number: ImageNumber
        /// What is asked for.
        package let request: GenerationRequest
        /// Its newest checkpoint of an earlier session, if there is one.
        package let checkpoint: SamplingCheckpoint?

        /// Numbers a request.
        package init(
            number: ImageNumber, request: GenerationRequest, checkpoint: SamplingCheckpoint? = nil
        ) {
            self.number = number
            self.request = request
            self.checkpoint = checkpoint
        }
    }

    /// The batch's name.
    package let id: ID
    /// Its images in the order in which they are begun.
    package let images: [Image]

    /// Names images.
    package init(id: ID, images: [Image]) {
        self.id = id
        self.images = images
    }
}
