// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Numbers the images and batches of one coordinator; no number is ever used twice.
package struct BatchNumbering: Sendable {
    private var nextImage = 0
    private var nextBatch = 0
    private let plantedBug: CoordinatorBug?

    /// Begins at image 0 of batch 0.
    package init(plantedBug: CoordinatorBug? = nil) {
        self.plantedBug = plantedBug
    }

    /// Numbers requests.
    ///
    /// - Parameters:
    ///   - requests: one per image, in the order in which they are begun.
    ///   - resumed: what an earlier session of the same requests left behind: images with an
    ///     outcome keep their numbers and are left out.
    package mutating func makeBatch(
        _ requests: [GenerationRequest], resumed: ResumedRun = ResumedRun()
    ) -> ImageBatch {
        if plantedBug == .reuseNumbers { nextImage = 0 }
        let first = nextImage
        nextImage += requests.count
        let id = ImageBatch.ID(nextBatch)
        nextBatch += 1
        let completed = plantedBug == .forgetStored ? [:] : resumed.completed
        let images = requests.enumerated().compactMap { index, request -> ImageBatch.Image? in
            // In its run; a run is the first batch of its coordinator.
            let image = ImageNumber(index)
            return completed[image] == nil && resumed.failed[image] == nil
                ? ImageBatch.Image(
                    number: ImageNumber(first + index), request: request,
                    checkpoint: resumed.checkpoints[image])
                : nil
        }
        return ImageBatch(id: id, images: images)
    }
}
