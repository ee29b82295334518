// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes

/// One slot that is filled: what the consumer of a run receives, in order of completion.
package struct FinishedImage: Sendable {
    /// Position of the request in the run.
    package var item: Int
    /// What was asked for.
    package var request: GenerationRequest
    /// What the worker sampled.
    package var latents: GeneratedLatents
    /// What the VAE made of it.
    package var image: DecodedImage
    /// Address of the worker whose result it is.
    package var worker: String
    /// That worker's kernel class.
    package var kernelClass: String
    /// Which attempt succeeded, from 1.
    package var attempt: Int
    /// The step of the checkpoint that it went on from; 0 for the beginning.
    package var resumedStep: Int
    /// Where the worker's time went.
    package var timings: GenerationTimings
    /// What merging tokens came to.
    package var tokenMerging: TokenMergeStatistics
    /// Seconds of the VAE decode.
    package var decodeSeconds: Double
    /// The kernel class of the decode where the worker made it; `nil` for the coordinator's.
    package var workerDecodeClass: String?
    /// SHA-256 of the latents' little-endian f32 bytes, lower-case hex.
    package var sha256: String

    /// Makes a record of all its properties.
    package init(
        item: Int, request: GenerationRequest, latents: GeneratedLatents, image: DecodedImage,
        worker: String, kernelClass: String, attempt: Int, resumedStep: Int,
        timings: GenerationTimings, tokenMerging: TokenMergeStatistics, decodeSeconds: Double,
        workerDecodeClass: String? = nil,
        sha256: String
    ) {
        self.item = item
        self.request = request
        self.latents = latents
        self.image = image
        self.worker = worker
        self.kernelClass = kernelClass
        self.attempt = attempt
        self.resumedStep = resumedStep
        self.timings = timings
        self.tokenMerging = tokenMerging
        self.decodeSeconds = decodeSeconds
        self.workerDecodeClass = workerDecodeClass
        self.sha256 = sha256
    }
}

/// What a run came to.
package struct CoordinatorSummary: Sendable {
    /// Slots filled and consumed.
    package var completedCount = 0
    /// Slots without a picture, by position, each with its reasons.
    package var failures: [Int: [AttemptFailure]] = [:]
    /// Bytes on all connections.
    package var traffic = ClusterTraffic()
    /// Wall-clock seconds of the run.
    package var seconds = 0.0
    /// Seconds all decode threads spent decoding.
    package var decodeSeconds = 0.0

    /// A run in which nothing has happened yet.
    package init() {}
}
