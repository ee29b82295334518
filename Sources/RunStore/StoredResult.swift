// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The result of one image, without its latents: those are in the archive, by their digest.
package struct StoredResult: Sendable, Equatable {
    /// Number of the image.
    package var item: Int
    /// Address of the worker that sampled it.
    package var worker: String
    /// That worker's kernels.
    package var kernelClass: String
    /// Which attempt succeeded, from 1.
    package var attempt: Int
    /// The step of the checkpoint that it went on from; 0 for the beginning.
    package var resumedStep: Int
    /// Where the worker's time went.
    package var timings: GenerationTimings
    /// What merging tokens came to.
    package var tokenMerging: TokenMergeStatistics
    /// `[1, channels, height, width]` of the latents.
    package var channels: Int
    /// Latent rows.
    package var height: Int
    /// Latent columns.
    package var width: Int
    /// SHA-256 of the latents' little-endian f32 bytes.
    package var sha256: [UInt8]

    /// Describes the result of an image.
    package init(
        item: Int, worker: String, kernelClass: String, attempt: Int, resumedStep: Int = 0,
        timings: GenerationTimings, tokenMerging: TokenMergeStatistics, latents: GeneratedLatents,
        sha256: [UInt8]
    ) {
        self.init(
            item: item, worker: worker, kernelClass: kernelClass, attempt: attempt,
            resumedStep: resumedStep, timings: timings, tokenMerging: tokenMerging,
            channels: latents.channels,
            height: latents.height, width: latents.width, sha256: sha256)
    }

    init(
        item: Int, worker: String, kernelClass: String, attempt: Int, resumedStep: Int,
        timings: GenerationTimings, tokenMerging: TokenMergeStatistics, channels: Int, height: Int,
        width: Int,
        sha256: [UInt8]
    ) {
        self.item = item
        self.worker = worker
        self.kernelClass = kernelClass
        self.attempt = attempt
        self.resumedStep = resumedStep
        self.timings = timings
        self.tokenMerging = tokenMerging
        self.channels = channels
        self.height = height
        self.width = width
        self.sha256 = sha256
    }

    /// Values of the latents.
    package var valueCount: Int { channels * height * width }
}

/// A picture that was written for an image.
package struct StoredPicture: Sendable, Equatable {
    /// Number of the image.
    package var item: Int
    /// The picture's file in the run's directory.
    package var file: String
    /// The latents' file beside it, if that was wanted.
    package var latentsFile: String?
    /// Seconds of the VAE decode.
    package var decodeSeconds: Double
    /// The kernel class of the decode; `nil` for pictures of versions that did not keep it.
    package var decodeClass: String?
    /// The same where the worker made it; `nil` for the coordinator's.
    package var workerDecodeClass: String?

    /// Describes a picture.
    package init(
        item: Int, file: String, latentsFile: String?, decodeSeconds: Double,
        decodeClass: String? = nil, workerDecodeClass: String? = nil
    ) {
        self.item = item
        self.file = file
        self.latentsFile = latentsFile
        self.decodeSeconds = decodeSeconds
        self.decodeClass = decodeClass
        self.workerDecodeClass = workerDecodeClass
    }
}

/// An attempt at an image that brought nothing.
package struct StoredFailure: Sendable, Equatable {
    /// Number of the image.
    package var item: Int
    /// Who tried; empty when no worker did.
    package var worker: String
    /// Which attempt of its life, from 1; 0 when no worker tried.
    package var attempt: Int
    /// One sentence.
    package var reason: String
    /// Whether it was the last: the image has failed.
    package var isFinal: Bool

    /// Describes an attempt.
    package init(item: Int, worker: String, attempt: Int, reason: String, isFinal: Bool) {
        self.item = item
        self.worker = worker
        self.attempt = attempt
        self.reason = reason
        self.isFinal = isFinal
    }
}
