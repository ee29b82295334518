// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What a worker needs of the model: to begin sampling one image.
///
/// The worker calls it and the run it returns on one dedicated thread, one image at a time. Nothing
/// here is asynchronous, and nothing knows of the network.
package protocol LatentGenerating: Sendable {
    /// Encodes the prompts and prepares the initial noise, or goes on from a checkpoint.
    ///
    /// - Parameter checkpoint: what a run of an equal request wrote under this kernel class.
    /// - Throws: `UnusableCheckpointError` for a checkpoint that is no such thing: the image begins
    ///   anew without it. Else what makes the request impossible here and anywhere (`GenerationRequestError`, a
    ///   size this U-Net can't do): the coordinator is told not to try again, with the error's
    ///   description as reason. Throw `RetryableGenerationError` for trouble of this machine, and
    ///   `NotUnderstoodError` for what a newer build may be able to do.
    func beginRun(
        for request: GenerationRequest, from checkpoint: [UInt8]?
    ) throws -> any LatentRun

    /// Makes a picture of latents that were sampled here.
    ///
    /// - Throws: why it can't; the picture is then made where the latents are collected.
    func picture(of latents: GeneratedLatents) throws -> WorkerPicture
}

/// One image being sampled, pulled step by step.
///
/// The worker reports progress and polls for cancellation between two calls of `next`; dropping
/// the run abandons the image.
package protocol LatentRun: AnyObject {
    /// Steps in all, at least 1.
    var stepCount: Int { get }
    /// Steps that were done before the checkpoint that this run goes on from; 0 without.
    var resumedStep: Int { get }
    /// Seconds that text encoding took; 0 when both prompts were cached.
    var textEncodingSeconds: Double { get }

    /// What merging tokens came to so far.
    var mergeStatistics: TokenMergeStatistics { get }

    /// Performs one denoising step.
    ///
    /// - Returns: steps done so far, 1 … `stepCount`; `nil` when all were done before.
    /// - Throws: `NonFiniteLatentsFailure` when the image is lost on every machine; any other error
    ///   is taken for trouble of this one, and another worker gets the image.
    func next() throws -> Int?

    /// All that the steps still to come depend on, so that another worker can do them.
    func checkpoint() -> [UInt8]

    /// The latents after the steps done so far, unscaled; the image's result after the last one.
    func latents() throws -> GeneratedLatents
}

/// Trouble of one machine, such as too little memory: another worker may well succeed.
package struct RetryableGenerationError: Error, CustomStringConvertible {
    /// What happened, for people.
    package var description: String

    /// Makes an error with a sentence for people.
    package init(_ description: String) {
        self.description = description
    }
}

/// A part of the request that this build does not know: a worker with a newer one may.
package struct NotUnderstoodError: Error {
    /// The part, such as `merge method x`.
    package var part: String

    /// Makes an error for a part of a request.
    package init(_ part: String) {
        self.part = part
    }
}

/// A checkpoint that can't be gone on from here: damaged, or of something else.
package struct UnusableCheckpointError: Error, CustomStringConvertible {
    /// What is wrong with it.
    package var description: String

    /// Makes an error with a sentence for people.
    package init(_ description: String) {
        self.description = description
    }
}

/// Latents that stopped being numbers: the same would happen everywhere.
package struct NonFiniteLatentsFailure: Error, CustomStringConvertible {
    /// After which step, and what may help.
    package var description: String

    /// Makes an error with a sentence for people.
    package init(_ description: String) {
        self.description = description
    }
}
