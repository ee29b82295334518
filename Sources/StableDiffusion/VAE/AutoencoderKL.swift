// SPDX-License-Identifier: Apache-2.0

internal import SafeTensors
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

    /// Loads `vae/` of a model.
    ///
    /// - Parameter team: the threads that read and pack the weights.
    /// - Throws: `ConfigurationError`, `SafeTensorsError`, `CheckpointMismatchError`.
    package static func load(
        from model: ModelDirectory, backend: any ComputeBackend, variant: String? = nil,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) throws -> AutoencoderKL {
        let configuration = try model.configuration(VAEConfiguration.self, component: "vae")
        let checkpoint = try model.checkpoint(
            component: "vae", baseName: "diffusion_pytorch_model", variant: variant)
        return try WeightLoader.build(
            from: checkpoint, mapping: CheckpointKeys.vaeDecoder, backend: backend, team: team
        ) { loader in
            try AutoencoderKL(configuration, loader: loader)
        }
    }

    /// The picture's shape for latents: `scaleFactor` times their grid, three channels.
    package func outputShape(for latents: TensorShape) -> TensorShape {
        let factor = configuration.scaleFactor
        return TensorShape(
            batch: latents.batch, height: factor * latents.height, width: factor * latents.width,
            channels: configuration.outputChannels)
    }

    /// How to decode a picture whose size the memory for intermediate results depends on.
    package enum Tiling: Sendable, Equatable {
        /// In one piece up to `plainByteCountMax`, else in tiles.
        case automatic
        /// In one piece whatever it takes.
        case never
        /// In tiles as soon as a side is longer than one, as diffusers after `enable_tiling()`.
        case always
    }

    /// Most memory that `automatic` takes for a picture in one piece.
    package static let plainByteCountMax = 2 << 30

    /// Decodes latents.
    ///
    /// - Parameters:
    ///   - latents: as sampling leaves them, `[batch, height, width, latentChannels]`, f32; they
    ///     are divided by `scalingFactor` here.
    ///   - image: of `outputShape(for:)`, f32, about −1…1, not clamped.
    ///   - observer: is given each layer's result by name, of pictures in one piece; for tests.
    package func decode(
        _ latents: Tensor, into image: Tensor, tiling: Tiling = .automatic, lane: ComputeLane,
        observer: ActivationObserver? = nil
    ) {
        precondition(image.shape == outputShape(for: latents.shape), "\(image.shape)")
        lane.workspace.scope {
            let scaled = lane.workspace.tensor(latents.shape, .float32)
            scale(latents, into: scaled, lane: lane)
            if usesTiles(for: latents.shape, tiling: tiling) {
                TiledDecoding(configuration).decode(scaled, into: image, lane: lane) {
                    decodeTile($0, into: $1, lane: lane, observer: nil)
                }
            } else {
                decodeTile(scaled, into: image, lane: lane, observer: observer)
            }
        }
    }

    /// Whether a picture is decoded in tiles.
    package func usesTiles(for latents: TensorShape, tiling: Tiling) -> Bool {
        let side = TiledDecoding(configuration).latentSide
        let isLarger = latents.height > side || latents.width > side
        return switch tiling {
        case .never: false
        case .always: isLarger
        case .automatic: isLarger && plainByteCount(for: latents) > Self.plainByteCountMax
        }
    }

    /// About what decoding in one piece takes: at the finest level, the map that arrives there and
    /// its normed copy, then four maps of that level's own width.
    private func plainByteCount(for latents: TensorShape) -> Int {
        let channels = configuration.blockOutputChannels
        let arriving = channels[min(1, channels.count - 1)]
        let perPixel = arriving * (4 + activationType.byteCount) + 4 * channels[0] * 4
        return outputShape(for: latents).rowCount * perPixel
    }

    private func decodeTile(
        _ latents: Tensor, into image: Tensor, lane: ComputeLane, observer: ActivationObserver?
    ) {
        lane.workspace.scope {
            let converted = lane.converted(latents, to: activationType)
            guard let postQuantConvolution else {
                decoder.forward(converted, into: image, lane: lane, observer: observer)
                return
            }
            let input = lane.workspace.tensor(latents.shape, activationType)
            lane.linear(postQuantConvolution, converted, into: input)
            decoder.forward(input, into: image, lane: lane, observer: observer)
        }
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
