// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// What the latents of a run's model look like, so that a worker's can be judged before they count.
package struct LatentFormat: Sendable, Equatable {
    /// Channels that the VAE decodes.
    package var channelCount: Int
    /// Picture pixels per latent and side.
    package var scale: Int

    /// Describes the latents of a model.
    package init(channelCount: Int, scale: Int) {
        self.channelCount = channelCount
        self.scale = scale
    }

    /// Why latents can't be those of a picture of the wanted size; `nil` if they can.
    func shapeProblem(of latents: GeneratedLatents, for request: GenerationRequest) -> String? {
        shapeProblem(of: [latents.channels, latents.height, latents.width], for: request)
    }

    /// Why a preview can't be one of a picture of the wanted size; `nil` if it can.
    func shapeProblem(of preview: LatentPreview, for request: GenerationRequest) -> String? {
        shapeProblem(of: [preview.channels, preview.height, preview.width], for: request)
    }

    private func shapeProblem(of found: [Int], for request: GenerationRequest) -> String? {
        let (height, width) = (request.height / scale, request.width / scale)
        guard found != [channelCount, height, width] else { return nil }
        return """
            its latents are \(found[0])×\(found[1])×\(found[2]) where a picture of \
            \(request.width)×\(request.height) has \(channelCount)×\(height)×\(width)
            """
    }

    /// Why latents are invalid for any model; `nil` if they are not.
    ///
    /// How large a finite value may be depends on the model: the decoder decides.
    func valueProblem(of latents: GeneratedLatents) -> String? {
        let count = latents.values.count { !$0.isFinite }
        guard count > 0 else { return nil }
        return "\(count) of the \(latents.values.count) values of its latents are not finite"
    }
}

extension WorkerPicture {
    /// Why this can't be the picture that was wanted; `nil` if it can.
    func problem(for request: GenerationRequest) -> String? {
        guard image.width != request.width || image.height != request.height else { return nil }
        return """
            its picture is \(image.width)×\(image.height) where \(request.width)×\
            \(request.height) is wanted
            """
    }
}
