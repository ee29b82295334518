// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import ServiceLedger

/// A batch that has ended, for the request that waited for it.
package struct FinishedBatch: Sendable {
    /// An image with its picture.
    package struct Image: Sendable {
        /// Everything that decided it, except the model.
        package var request: GenerationRequest
        /// The picture, a PNG.
        package var picture: [UInt8]
        /// The picture's `parameters` text.
        package var infotext: String

        /// Describes an image.
        package init(request: GenerationRequest, picture: [UInt8], infotext: String) {
            self.request = request
            self.picture = picture
            self.infotext = infotext
        }
    }

    /// The batch at its end.
    package var batch: BatchAnswer
    /// Its images with pictures, in order.
    package var images: [Image]
    /// Why others have none.
    package var failures: [String]

    /// Describes a batch.
    package init(batch: BatchAnswer, images: [Image], failures: [String]) {
        self.batch = batch
        self.images = images
        self.failures = failures
    }

    /// Why the request can't be answered with pictures; `nil` if it can.
    ///
    /// Both families get the pictures that there are, and a word about the others beside them (A1111
    /// in `info`, OpenAI in `warnings`): hours of computing are not thrown away for one image. A1111
    /// answers an interrupted request with what there is, also with nothing; OpenAI's clients have no
    /// word for that.
    package func problem(in dialect: APIDialect) -> APIProblem? {
        if batch.status == BatchStatus.cancelled.rawValue {
            return dialect == .openai ? cancellation : nil
        }
        return images.isEmpty ? failure : nil
    }

    /// How a stream ends that has sent all pictures that there are; `nil` if none is missing.
    package var streamProblem: APIProblem? {
        if batch.status == BatchStatus.cancelled.rawValue { return cancellation }
        return failures.isEmpty && batch.status != BatchStatus.failed.rawValue ? nil : failure
    }

    private var cancellation: APIProblem {
        APIProblem(
            409, "cancelled", "batch \(batch.id) was cancelled; send the request again",
            headers: ["x-should-retry": "false"])
    }

    private var failure: APIProblem {
        APIProblem(
            500, "failed",
            """
            generating failed: \(failures.first ?? "no worker could do it"); see the service's log
            """, problems: failures, headers: ["x-should-retry": "false"])
    }
}

/// A live batch that a request waits for, as far as it has got.
package struct AwaitedBatch: Sendable, Equatable {
    /// Its name.
    package var id: String
    /// When it was accepted, in seconds since 1970.
    package var created: Double
    /// All its images.
    package var imageCount: Int
    /// Images with an outcome.
    package var settledCount: Int
    /// Steps that are done of images that workers have, and all their steps.
    package var steps: [(done: Int, all: Int)]
    /// Until it is done, as far as that is known.
    package var etaSeconds: Double?

    /// Describes a batch.
    package init(
        id: String, created: Double, imageCount: Int, settledCount: Int,
        steps: [(done: Int, all: Int)] = [], etaSeconds: Double? = nil
    ) {
        self.id = id
        self.created = created
        self.imageCount = imageCount
        self.settledCount = settledCount
        self.steps = steps
        self.etaSeconds = etaSeconds
    }

    package static func == (left: Self, right: Self) -> Bool {
        (left.id, left.created, left.imageCount, left.settledCount, left.etaSeconds)
            == (right.id, right.created, right.imageCount, right.settledCount, right.etaSeconds)
            && left.steps.elementsEqual(right.steps, by: ==)
    }
}
