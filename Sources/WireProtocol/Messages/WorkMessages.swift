// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// How far an image is; step 0 says that the worker has begun with it.
package struct ProgressReport: Sendable, Equatable {
    /// Which attempt.
    package var lease: Lease
    /// Denoising steps done.
    package var step: Int
    /// Denoising steps in all.
    package var stepCount: Int
    /// Seconds per step since the report before; 0 at step 0.
    package var seconds: Double

    /// Makes a report.
    package init(lease: Lease, step: Int, stepCount: Int, seconds: Double) {
        self.lease = lease
        self.step = step
        self.stepCount = stepCount
        self.seconds = seconds
    }
}

/// A finished image, on its way to the coordinator.
package struct LatentResult: Sendable, Equatable {
    /// Which attempt.
    package var lease: Lease
    /// The unscaled latents, bit-exact.
    package var latents: GeneratedLatents
    /// Where the time went.
    package var timings: GenerationTimings
    /// What merging tokens came to.
    package var tokenMerging: TokenMergeStatistics
    /// `latents.sha256`, computed where the latents were made; checked when decoding.
    package var sha256: [UInt8]
    /// The step of the checkpoint that this worker went on from; 0 for the beginning.
    package var resumedStep: Int

    /// Makes a result; the digest is taken as given.
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
    /// The mapped code.
    package var code: WireErrorCode
    /// One sentence.
    package var text: String
    /// Pause before another try, in milliseconds; 0 for none.
    package var retryAfterMilliseconds: Int

    /// Makes a reason.
    package init(_ code: WireErrorCode, _ text: String, retryAfterMilliseconds: Int = 0) {
        self.code = code
        self.text = text
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    /// What a worker says of a request with a part that it does not know.
    package static func notUnderstood(_ what: String) -> WireReason {
        WireReason(
            .notUnderstood, "\(what) is unknown to this build; the image needs a newer retom-worker"
        )
    }
}
