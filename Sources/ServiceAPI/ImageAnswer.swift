// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Images that differ only in their seeds, in JSON.
package struct SpanAnswer: Sendable, Equatable, Encodable {
    /// The first image's place in the batch, from 0.
    package var first: Int
    /// How many there are.
    package var count: Int
    /// Everything that decides the first picture, except the model; others have their own seeds.
    package var request: GenerationRequest

    /// Describes a span.
    package init(first: Int, count: Int, request: GenerationRequest) {
        self.first = first
        self.count = count
        self.request = request
    }
}

/// An image in JSON.
package struct ImageAnswer: Sendable, Equatable, Encodable {
    /// Its place in the batch, from 0.
    package var index: Int
    /// `queued`, `generating`, `decoding`, `completed`, `failed` or `cancelled`.
    package var status: String
    /// The seed of its noise; the rest is its span's.
    package var seed: UInt64
    /// Steps that are done.
    package var step: Int?
    /// Steps that there are, where `step` is.
    package var steps: Int?
    /// Which attempt it is, from 1.
    package var attempt: Int?
    /// The worker that has it, or sampled it.
    package var worker: String?
    /// SHA-256 of its latents, in hexadecimal.
    package var latentSHA256: String?
    /// Seconds of its sampling.
    package var samplingSeconds: Double?
    /// Why it failed.
    package var error: String?

    private enum CodingKeys: String, CodingKey {
        case index, status, seed, step, steps, attempt, worker, error
        case latentSHA256 = "latent_sha256"
        case samplingSeconds = "sampling_seconds"
    }

    /// Describes an image of which nothing has happened yet.
    package init(index: Int, seed: UInt64) {
        self.index = index
        self.seed = seed
        status = "queued"
    }
}
