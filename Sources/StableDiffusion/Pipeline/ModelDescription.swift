// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit
package import TokenMerging

/// What can be said of a model without loading its weights.
package struct ModelDescription: Sendable {
    /// Picture pixels per latent cell and side: diffusers' `vae_scale_factor`, 8 for all known
    /// models.
    package let vaeScaleFactor: Int
    /// Channels of the latents.
    package let latentChannels: Int
    /// Picture width that the model was trained on, in pixels.
    package let defaultWidth: Int
    /// Picture height that the model was trained on, in pixels.
    package let defaultHeight: Int
    /// Sides that are multiples of this, in pixels, halve evenly at every level.
    package let evenGranularity: Int
    /// Whether the guidance scale is an input of the U-Net, as in models distilled with guidance
    /// (LCM): they run no unconditional half.
    package let isGuidanceDistilled: Bool
    /// The model's sampling defaults.
    package let recipe: ModelRecipe
    /// A notice about omitted parts of the model; `nil` if there are none.
    package let leftOutWarning: String?
    private let transformers: [TransformerShape]

    /// Reads the index and the configurations of the parts.
    ///
    /// - Throws: `ConfigurationError`, and what a file of another kind throws.
    package init(of model: any ModelSource) throws {
        let index = try model.index()
        let unet = try model.unetConfiguration()
        let vae = try model.autoencoderConfiguration()
        let text = try model.textEncoderConfiguration()
        if let problem = Self.mismatch(unet: unet, vae: vae, text: text) {
            throw ConfigurationError(
                path: try model.configurationPath(of: .unet), problem: problem)
        }
        if index?.pipeline == .latentConsistency, unet.timeConditionProjectionDimension == nil {
            throw ConfigurationError(
                path: model.indexPath,
                problem: .invalid(
                    key: "_class_name", value: "\"\(index?.pipelineName ?? "")\"",
                    reason: """
                        the U-Net takes no guidance scale (time_cond_proj_dim); for a U-Net with a \
                        merged LCM-LoRA write "StableDiffusionPipeline" there and give \
                        --sampling-method lcm, or
                        """))
        }
        let defaults = try model.defaults()
        // Where samplers are made of it, an unusable scheduler is an error.
        let scheduler = try? model.schedulerConfiguration()
        do throws(ConfigurationProblem) {
            try self.init(
                unet: unet, vae: vae, index: index, scheduler: scheduler, defaults: defaults)
        } catch {
            throw ConfigurationError(
                path: try model.configurationPath(of: .unet), problem: error)
        }
    }

    /// Checks that the components work together.
    private static func mismatch(
        unet: UNetConfiguration, vae: AutoencoderConfiguration, text: TextEncoderConfiguration
    ) -> ConfigurationProblem? {
        let channels = vae.latentChannels
        for (key, value) in [
            ("in_channels", unet.inputChannels), ("out_channels", unet.outputChannels),
        ]
        where value != channels {
            return .invalid(
                key: key, value: "\(value)",
                reason: """
                    the VAE's latents have \(channels) channels; inpainting and other U-Nets with \
                    more inputs are not supported
                    """)
        }
        let widths = (try? unet.levels().map(\.crossAttentionDimension)) ?? []
        if let width = widths.first(where: { $0 != text.hiddenSize }) {
            return .invalid(
                key: "cross_attention_dim", value: "\(width)",
                reason: "the text encoder's hidden_size is \(text.hiddenSize)")
        }
        return nil
    }

    private init(
        unet: UNetConfiguration, vae: AutoencoderConfiguration, index: ModelIndex?,
        scheduler: SchedulerConfiguration?, defaults: ModelDefaults?
    ) throws(ConfigurationProblem) {
        recipe = ModelRecipe(
            pipeline: index?.pipeline ?? .stableDiffusion, scheduler: scheduler,
            takesGuidance: unet.timeConditionProjectionDimension != nil, defaults: defaults)
        leftOutWarning = index?.leftOutWarning
        transformers = try unet.transformerShapes()
        isGuidanceDistilled = unet.timeConditionProjectionDimension != nil
        vaeScaleFactor = vae.scaleFactor
        latentChannels = vae.latentChannels
        // diffusers' fallback for a U-Net that does not say.
        let grid = unet.sampleGrid ?? (height: 64, width: 64)
        defaultWidth = grid.width * vaeScaleFactor
        defaultHeight = grid.height * vaeScaleFactor
        evenGranularity = vaeScaleFactor << (unet.blockOutputChannels.count - 1)
    }

    /// Samples per call of the U-Net: 2 with classifier-free guidance, which models distilled with
    /// guidance do not use, as in diffusers.
    package func halves(of request: GenerationRequest) -> Int {
        request.usesClassifierFreeGuidance && !isGuidanceDistilled ? 2 : 1
    }

    /// `[1, height, width, channels]` of the latents of a picture.
    package func latentsShape(of request: GenerationRequest) -> TensorShape {
        TensorShape(
            height: request.height / vaeScaleFactor, width: request.width / vaeScaleFactor,
            channels: latentChannels)
    }

    /// The sites at which tokens of a picture can be merged.
    package func mergeSites(of request: GenerationRequest) -> [TokenMergeSite] {
        transformers.mergeSites(for: latentsShape(of: request))
    }

    /// Checks what the request's own `validate` cannot know: that the model can generate this size
    /// and merge its tokens as requested.
    ///
    /// - Throws: `PictureSizeError`, `TokenMergeConfigurationError`.
    package func check(_ request: GenerationRequest) throws {
        try checkSize(request)
        let merger = try TokenMerger(request.tokenMerging)
        _ = try merger.layouts(at: mergeSites(of: request), halves: halves(of: request))
    }

    /// Whether any tokens of a picture are ever merged.
    ///
    /// - Throws: `TokenMergeConfigurationError`.
    package func mergesAnything(_ request: GenerationRequest) throws -> Bool {
        try TokenMerger(request.tokenMerging).layouts(
            at: mergeSites(of: request), halves: halves(of: request)
        ).contains { !$0.isIdentity }
    }

    private func checkSize(_ request: GenerationRequest) throws(PictureSizeError) {
        let sides = [request.width, request.height]
        guard sides.allSatisfy({ $0.isMultiple(of: vaeScaleFactor) }) else {
            throw PictureSizeError(
                width: request.width, height: request.height, multiple: vaeScaleFactor,
                evenMultiple: evenGranularity)
        }
    }
}

/// A picture size that is not a whole number of latent cells.
package struct PictureSizeError: Error, Equatable, CustomStringConvertible {
    package let width: Int
    package let height: Int
    /// Both sides must be multiples of this.
    package let multiple: Int
    /// Both sides should preferably be multiples of this.
    package let evenMultiple: Int

    package var description: String {
        func near(_ side: Int) -> Int { max(multiple, (side + multiple / 2) / multiple * multiple) }
        return """
            \(width)×\(height) pixels: both sides must be multiples of \(multiple) (best of \
            \(evenMultiple)); try -W \(near(width)) -H \(near(height))
            """
    }
}
