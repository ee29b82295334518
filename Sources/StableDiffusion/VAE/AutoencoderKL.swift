// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// diffusers' `AutoencoderKL`, the decoding half: latents to a picture.
package final class AutoencoderKL: Sendable {
    /// What it was built from.
    package let configuration: VAEConfiguration
    private let postQuantConvolution: (any PackedLinear)?
    private let decoder: VAEDecoder
    private let activationType: ElementType

    /// Builds all layers; the configuration has been validated.
    package init(_ configuration: VAEConfiguration, loader: WeightLoader) throws {
        self.configuration = configuration
        activationType = loader.activationType
        postQuantConvolution =
            configuration.usesPostQuantConvolution
            ? try loader.linear(
                "post_quant_conv", inputChannels: configuration.latentChannels,
                outputChannels: configuration.latentChannels)
            : nil
        decoder = try VAEDecoder(configuration, loader: loader.scoped("decoder"))
    }

    /// Loads the VAE of a model.
    ///
    /// - Parameter team: the threads that read and pack the weights.
    /// - Throws: `ConfigurationError`, `SafeTensorsError`, `CheckpointMismatchError`.
    package static func load(
        from model: any ModelSource, backend: any ComputeBackend,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) throws -> AutoencoderKL {
        let configuration = try model.vaeConfiguration()
        return try WeightLoader.build(
            from: try model.weights(of: .vae), backend: backend, team: team
        ) { loader in
            try AutoencoderKL(configuration, loader: loader)
        }
    }

    /// Sizes of feature maps on the way to the picture; only the maps of one need to be kept.
    package var levelCount: Int { configuration.blockOutputChannels.count }

    /// The picture's shape for latents: `scaleFactor` times their grid, three channels.
    package func outputShape(for latents: TensorShape) -> TensorShape {
        let factor = configuration.scaleFactor
        return TensorShape(
            batch: latents.batch, height: factor * latents.height, width: factor * latents.width,
            channels: configuration.outputChannels)
    }

    /// Decodes latents, one picture of the batch after the other.
    ///
    /// - Parameters:
    ///   - latents: as returned by sampling, `[batch, height, width, latentChannels]`, f32; they
    ///     are divided by `scalingFactor` here.
    ///   - image: of `outputShape(for:)`, f32, about −1…1, not clamped.
    ///   - plan: how memory is used.
    ///   - observer: receives each layer's result by name, for layers whose maps are kept; for
    ///     tests.
    package func decode(
        _ latents: Tensor, into image: Tensor, plan: DecodingPlan, lane: ComputeLane,
        observer: ActivationObserver? = nil
    ) {
        precondition(image.shape == outputShape(for: latents.shape), "\(image.shape)")
        let pass = DecoderPass(
            lane: lane, plan: plan, lineGrain: DecodingPlan.lineGrain)
        for item in 0..<latents.shape.batch {
            lane.workspace.scope {
                let input = prepared(latents.batch(item..<item + 1), lane: lane)
                decoder.forward(
                    input, into: image.batch(item..<item + 1), pass: pass, observer: observer)
            }
        }
    }

    /// The decoder's input of one picture's latents, in the caller's scope.
    private func prepared(_ latents: Tensor, lane: ComputeLane) -> Tensor {
        let scaled = lane.workspace.tensor(latents.shape, .float32)
        scale(latents, into: scaled, lane: lane)
        let converted = lane.converted(scaled, to: activationType)
        guard let postQuantConvolution else { return converted }
        let input = lane.workspace.tensor(latents.shape, activationType)
        lane.linear(postQuantConvolution, converted, into: input)
        return input
    }

    private func scale(_ latents: Tensor, into scaled: Tensor, lane: ComputeLane) {
        guard !lane.isMeasuring else { return }
        let channels = latents.shape.channels
        let shift = configuration.shiftFactor ?? 0
        for row in 0..<latents.shape.rowCount {
            for channel in 0..<channels {
                scaled.floats[row * channels + channel] =
                    latents.floats[row * latents.rowStride + channel] / configuration.scalingFactor
                    + shift
            }
        }
    }
}
