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

/// A finished image, on its way to the coordinator.
package struct LatentResult: Sendable, Equatable {
    /// The attempt.
    package var lease: Lease
    /// The unscaled latents, bit-exact.
    package var latents: GeneratedLatents
    /// Time spent on the image.
    package var timings: GenerationTimings
    /// Statistics of token merging.
    package var tokenMerging: TokenMergeStatistics
    /// `latents.sha256`, computed where the latents were made; checked when decoding.
    package var sha256: [UInt8]
    /// The step of the checkpoint from which this worker resumed; 0 if it did not.
    package var resumedStep: Int

    /// Creates a result with a given digest.
    package init(
        lease: Lease, latents: GeneratedLatents, timings: GenerationTimings,
        tokenMerging: TokenMergeStatistics = TokenMergeStatistics(), sha256: [UInt8],
        resumedStep: Int = 0
    ) {
        precondition(sha256.count == 32, "a SHA-256 has 32 bytes")
        self.lease = lease
        self.latents = latents
        self.timings = timings
        self.tokenMerging = tokenMerging
        self.sha256 = sha256
        self.resumedStep = resumedStep
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
