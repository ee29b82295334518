// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import ImageCodec
package import Requests

/// Where the seconds of one image went.
package struct ImageTimings: Sendable, Equatable, Codable {
    /// Text encoding, on the worker; 0 when the prompt was cached.
    package var textSeconds: Double
    /// All denoising steps, on the worker.
    package var samplingSeconds: Double
    /// VAE decoding.
    package var decodingSeconds: Double

    private enum CodingKeys: String, CodingKey {
        case textSeconds = "text_seconds"
        case samplingSeconds = "sampling_seconds"
        case decodingSeconds = "decoding_seconds"
    }

    /// Joins what the worker and the coordinator measured.
    package init(worker: GenerationTimings, decodingSeconds: Double) {
        textSeconds = worker.textEncodingSeconds
        samplingSeconds = worker.samplingSeconds
        self.decodingSeconds = decodingSeconds
    }

    /// All three.
    package var totalSeconds: Double { textSeconds + samplingSeconds + decodingSeconds }
}

/// Everything about one picture, without loss, as JSON under the keyword `retom` in its PNG.
package struct ImageMetadata: Sendable, Equatable, Codable {
    /// Version of this layout.
    package var formatVersion = 1
    /// The program that made the picture, such as `retom 0.1.0`.
    package var version: String
    /// Position in the run, from 0.
    package var number: ImageNumber
    /// Everything that decides the picture, except the model.
    package var request: GenerationRequest
    /// The model.
    package var model: ModelRecord
    /// SHA-256 of the latents' f32 bytes, in hexadecimal.
    package var latentSHA256: String
    /// The worker that sampled it.
    package var worker: String
    /// Which attempt succeeded, from 1.
    package var attempt: Int
    /// The worker's kernels: latents are bit-identical within one class.
    package var kernelClass: String
    /// Where the time went.
    package var timings: ImageTimings

    private enum CodingKeys: String, CodingKey {
        case version, request, model, worker, attempt, timings
        case number = "index"
        case formatVersion = "format_version"
        case latentSHA256 = "latent_sha256"
        case kernelClass = "kernel_class"
    }

    /// Describes a picture.
    package init(
        version: String, request: GenerationRequest, model: ModelRecord, result: ImageResult,
        decodingSeconds: Double
    ) {
        self.version = version
        number = result.image
        self.request = request
        self.model = model
        latentSHA256 = Hexadecimal.text(result.facts.sha256)
        worker = result.worker
        attempt = result.attempt
        kernelClass = result.kernelClass
        timings = ImageTimings(worker: result.facts.timings, decodingSeconds: decodingSeconds)
    }

    /// The keyword of this text.
    package static let keyword = "retom"

    /// Both texts of the picture's PNG: A1111's `parameters` and this one.
    ///
    /// - Parameter mergeMethod: a merge method's name for people, by its name in requests.
    package func pngTexts(mergeMethod: (String) -> String) throws -> [PNGText] {
        let parameters = GenerationParametersText(
            request: request, model: model, version: version, mergeMethod: mergeMethod)
        return [
            PNGText(keyword: "parameters", text: parameters.text),
            PNGText(keyword: ImageMetadata.keyword, text: try JSONText.line(self)),
        ]
    }
}
