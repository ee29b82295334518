// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import StableDiffusion

/// Generates pictures in this process, one at a time: sampling, then the VAE.
package struct PicturePainter {
    private let pipeline: StableDiffusionPipeline
    private let decoder: LatentDecoder

    package init(pipeline: StableDiffusionPipeline, decoder: LatentDecoder) {
        self.pipeline = pipeline
        self.decoder = decoder
    }

    /// Makes a first call, so that no picture includes the work of a setting's first one.
    ///
    /// - Parameter decodes: whether to decode a picture too.
    package func warmUp(_ request: GenerationRequest, decodes: Bool) throws {
        let run = try pipeline.begin(request)
        _ = try run.next()
        if decodes { _ = try decoder.decode(run.latents) }
    }

    /// Generates one picture.
    ///
    /// - Returns: The picture and its measurements; its distance to another picture is not known
    ///   here.
    package func draw(
        _ request: GenerationRequest
    ) throws -> (image: RGBImage, record: ComparisonRecord) {
        let run = try pipeline.begin(request)
        let clock = ContinuousClock()
        let start = clock.now
        while try run.next() != nil {}
        let sampled = clock.now
        let image = try decoder.decode(run.latents)
        let record = ComparisonRecord(
            samplingSeconds: (sampled - start).seconds,
            decodingSeconds: (clock.now - sampled).seconds, psnr: .infinity, ssim: 1,
            statistics: run.mergeStatistics)
        return (image, record)
    }
}
