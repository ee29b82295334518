// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import ServiceLedger

/// A batch as the disk knows it, without its requests.
package struct StoredBatch: Sendable, Equatable {
    /// Characters of a prompt that name its batch.
    static let promptLengthMax = 300

    /// Its name.
    package var id: BatchID
    /// How its caller ranks it.
    package var priority: BatchPriority
    /// Whether a request waits for it.
    package var origin: BatchOrigin
    /// What is kept of it for people.
    package var details: BatchDetails
    /// The first image's prompt; of a long one, its beginning.
    package var prompt: String
    /// The numbers of its images.
    package var images: Range<Int>
    /// When it was accepted, in seconds since 1970.
    package var acceptedAt: Double
    /// How it ended; `nil` until then.
    package var end: BatchEnd?
    /// Images with their pictures.
    package var finishedCount: Int
    /// Images that failed.
    package var failedCount: Int
    /// Whether it is kept whatever the limits say.
    package var isPinned: Bool
}

extension StoredBatch {
    /// A batch that has not ended and of which all of this is on the disk.
    package init(
        _ accepted: AcceptedBatch, finishedCount: Int, failedCount: Int, isPinned: Bool
    ) {
        let prompt = accepted.submission.spans[0].first.prompt.unicodeScalars
        self.init(
            id: accepted.id, priority: accepted.submission.priority,
            origin: accepted.submission.origin, details: accepted.submission.details,
            prompt: String(String.UnicodeScalarView(prompt.prefix(Self.promptLengthMax))),
            images: accepted.images, acceptedAt: accepted.acceptedAt,
            finishedCount: finishedCount, failedCount: failedCount, isPinned: isPinned)
    }
}

/// Results and failures of an image, as the disk knows it.
package struct StoredImage: Sendable, Equatable {
    /// Its result; `nil` while it has none.
    package var result: ImageResult?
    /// Its picture; `nil` while it has none.
    package var picture: StoredPicture?
    /// Its failed attempts, in order.
    package var failures: [FailedAttempt] = []
    /// Whether the last of them was final.
    package var hasFailed = false
}

/// Some images of a batch that follow each other; all by their places in it.
package struct StoredPage: Sendable, Equatable {
    /// Equal images among a batch's.
    package struct Span: Sendable, Equatable {
        /// The place of the first.
        package var first: Int
        /// The images.
        package var span: ImageSpan
    }

    /// The batch.
    package var batch: StoredBatch
    /// Which images.
    package var range: Range<Int>
    /// The spans that these images are in, in order.
    package var spans: [Span]
    /// Their results and failures; images without any are left out.
    package var images: [Int: StoredImage]

    /// The request of an image of this page.
    ///
    /// - Precondition: `range` contains it.
    package func request(at index: Int) -> GenerationRequest {
        guard let span = spans.last(where: { $0.first <= index }) else {
            preconditionFailure("image \(index) of \(range)")
        }
        return span.span.request(at: index - span.first)
    }
}
