// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The progress of an image; step 0 means that the worker has started it.
package struct ProgressReport: Sendable, Equatable {
    /// The attempt.
    package var lease: Lease
    /// Denoising steps done.
    package var step: Int
    /// Total denoising steps.
    package var stepCount: Int
    /// Seconds per step since the last report; 0 at step 0.
    package var seconds: Double

    /// Creates a report.
    package init(lease: Lease, step: Int, stepCount: Int, seconds: Double) {
        self.lease = lease
        self.step = step
        self.stepCount = stepCount
        self.seconds = seconds
    }
}

/// A sampled image, on its way to the coordinator.
package struct LatentResult: Sendable, Equatable {
    /// The attempt.
    package var lease: Lease
    /// What the worker's generator returned; its digest is checked when the frame is decoded.
    package var sampled: SampledImage

    /// Creates a result.
    package init(lease: Lease, sampled: SampledImage) {
        self.lease = lease
        self.sampled = sampled
    }

    /// The unscaled latents, bit-exact.
    package var latents: GeneratedLatents { sampled.latents }

    /// SHA-256 of the latents' little-endian f32 bytes.
    package var sha256: [UInt8] { sampled.facts.sha256 }

    /// The same as the result of an image of the run.
    package func imageResult(
        of image: ImageNumber, worker: String, kernelClass: String
    ) -> ImageResult {
        ImageResult(
            image: image, worker: worker, kernelClass: kernelClass, attempt: lease.attempt,
            facts: sampled.facts)
    }
}

/// Why something ends: a code for programs, a text for people, and how long to wait.
package struct WireReason: Sendable, Equatable {
    /// The code.
    package var code: WireErrorCode
    /// One sentence.
    package var text: String
    /// Pause before a retry, in milliseconds; 0 for none.
    package var retryAfterMilliseconds: Int

    /// Creates a reason.
    package init(_ code: WireErrorCode, _ text: String, retryAfterMilliseconds: Int = 0) {
        self.code = code
        self.text = text
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    /// A worker's answer to a request with a part that it does not know.
    package static func notUnderstood(_ what: String) -> WireReason {
        WireReason(
            .notUnderstood, "\(what) is unknown to this build; the image needs a newer retom-worker"
        )
    }
}
