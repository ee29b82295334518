// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A batch as it is accepted: everything of it that must survive a crash.
package struct AcceptedBatch: Sendable, Equatable {
    /// What was asked for.
    package var submission: Submission
    /// The number of its first image, which no other image ever has; the others follow.
    package var firstImage: ImageNumber
    /// When, in seconds since 1970.
    package var acceptedAt: Double
    /// Where each span begins among the images.
    private let offsets: [Int]

    /// Numbers the images of a submission.
    package init(_ submission: Submission, firstImage: ImageNumber, acceptedAt: Double) {
        self.submission = submission
        self.firstImage = firstImage
        self.acceptedAt = acceptedAt
        var offsets = [0]
        for span in submission.spans { offsets.append(offsets[offsets.count - 1] + span.count) }
        self.offsets = offsets
    }

    /// Its name.
    package var id: BatchID { submission.id }
    /// Whose it is.
    package var caller: CallerID { submission.caller }
    /// How many images it has.
    package var imageCount: Int { offsets[offsets.count - 1] }
    /// The numbers of its images.
    package var images: Range<Int> { firstImage.rawValue..<firstImage.rawValue + imageCount }

    /// The number of an image, by its place in the batch from 0.
    package func number(at index: Int) -> ImageNumber {
        ImageNumber(firstImage.rawValue + index)
    }

    /// The request of an image, by its place in the batch from 0.
    package func request(at index: Int) -> GenerationRequest {
        precondition((0..<imageCount).contains(index), "image \(index) of \(imageCount)")
        var (low, high) = (0, submission.spans.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if offsets[middle] <= index { low = middle } else { high = middle }
        }
        return submission.spans[low].request(at: index - offsets[low])
    }

    /// The work of one image on average.
    var meanWork: Double {
        let work = submission.spans.reduce(0) { $0 + $1.first.work * Double($1.count) }
        return work / Double(imageCount)
    }
}
