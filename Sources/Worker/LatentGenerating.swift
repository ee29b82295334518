// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The model as a worker needs it: it can begin sampling one image.
///
/// The worker calls it, and the run it returns, on one dedicated thread, one image at a time; for
/// several images at the same time it has several.
/// Nothing here is asynchronous or knows about the network.
package protocol LatentGenerating: Sendable {
    /// Encodes the prompts and prepares the initial noise, or resumes from a checkpoint.
    ///
    /// - Parameter checkpoint: saved by a run of an equal request under this kernel class.
    /// - Throws: `UnusableCheckpointError` for an invalid checkpoint: the image restarts without
    ///   it. Otherwise the error that makes the request impossible on every worker
    ///   (`GenerationRequestError`, a size this U-Net cannot generate): the coordinator must not
    ///   retry it, and gets the error's description as reason. Throw `RetryableGenerationError` for
    ///   problems of this machine, and `NotUnderstoodError` for requests that a newer build may
    ///   support.
    func beginRun(
        for request: GenerationRequest, from checkpoint: [UInt8]?
    ) throws -> any LatentRun

    /// Decodes latents that were sampled here.
    ///
    /// - Throws: the reason; the picture is then decoded where the latents are collected.
    func picture(of latents: GeneratedLatents) throws -> WorkerPicture
}

/// One image being sampled, driven step by step.
///
/// The worker reports progress and polls for cancellation between two calls of `next`; dropping
/// the run abandons the image.
package protocol LatentRun: AnyObject {
    /// Total steps, at least 1.
    var stepCount: Int { get }
    /// Steps done before the checkpoint from which this run resumed; 0 without.
    var resumedStep: Int { get }
    /// Seconds spent on text encoding; 0 if both prompts were cached.
    var textEncodingSeconds: Double { get }

    /// Statistics of token merging so far.
    var mergeStatistics: TokenMergeStatistics { get }

    /// Performs one denoising step.
    ///
    /// - Parameter estimates: whether `estimate` is wanted after it.
    /// - Returns: steps done so far, 1 … `stepCount`; `nil` if none is left.
    /// - Throws: `NonFiniteLatentsFailure` if the image would fail on every machine; any other
    ///   error counts as a problem of this one, and another worker gets the image.
    func next(estimates: Bool) throws -> Int?

    /// What the finished latents may be, by the last step if that was to estimate them; unscaled.
    var estimate: GeneratedLatents? { get }

    /// Everything the remaining steps depend on, so that another worker can perform them.
    func checkpoint() -> [UInt8]

    /// The latents after the steps done so far, unscaled; the image's result after the last one.
    func latents() throws -> GeneratedLatents
}

/// A problem of one machine, such as too little memory: another worker may succeed.
package struct RetryableGenerationError: Error, CustomStringConvertible {
    /// The problem, for people.
    package var description: String

    /// Creates an error with a sentence for people.
    package init(_ description: String) {
        self.description = description
    }
}

/// A part of the request unknown to this build: a newer worker may support it.
package struct NotUnderstoodError: Error {
    /// The part, such as `merge method x`.
    package var part: String

    /// Creates an error for a part of a request.
    package init(_ part: String) {
        self.part = part
    }
}

/// A checkpoint this worker cannot resume from: damaged, or of something else.
package struct UnusableCheckpointError: Error, CustomStringConvertible {
    /// The problem.
    package var description: String

    /// Creates an error with a sentence for people.
    package init(_ description: String) {
        self.description = description
    }
}

/// Latents that are no longer finite: the same would happen everywhere.
package struct NonFiniteLatentsFailure: Error, CustomStringConvertible {
    /// The step after which it happened, and a remedy.
    package var description: String

    /// Creates an error with a sentence for people.
    package init(_ description: String) {
        self.description = description
    }
}
