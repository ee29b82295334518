// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `Decoder` of `AutoencoderKL`: a chain of layers from latents to a picture.
///
/// Layers run one after the other over bands of whole feature maps, so that memory holds two maps
/// and little else. The finest levels keep no map if the plan says so.
final class VAEDecoder: Sendable {
    private let convolutionIn: any PackedConvolution
    /// The chain between the two outer convolutions, level by level; each but the first begins with
    /// its upsampler.
    private let levels: [[DecoderLayer]]
    private let output: NormedConvolution
    private let activationType: ElementType

    /// Epsilon of every norm; diffusers has it as a literal in `Decoder`.
    static let epsilon: Float = 1e-6

    init(_ configuration: VAEConfiguration, loader: WeightLoader) throws {
        activationType = loader.activationType
        let channels = configuration.blockOutputChannels
        convolutionIn = try loader.convolution(
            "conv_in",
            ConvolutionGeometry(
                inputChannels: configuration.latentChannels,
                outputChannels: channels[channels.count - 1], kernelSize: 3))
        levels = try DecoderBuilder(configuration, loader: loader).levels()
        output = try NormedConvolution(
            norm: "conv_norm_out", convolution: "conv_out",
            DecoderOptions(
                groupCount: configuration.normGroupCount, activation: .silu, usualPixelCount: nil),
            inputChannels: channels[0], outputChannels: configuration.outputChannels,
            loader: loader)
    }

    /// Decodes one picture.
    ///
    /// - Parameters:
    ///   - latents: `[1, height, width, latentChannels]`, the activation type.
    ///   - image: the picture, f32.
    func forward(
        _ latents: Tensor, into image: Tensor, pass: DecoderPass, observer: ActivationObserver?
    ) {
        let lane = pass.lane
        let entry = convolutionIn.geometry.outputShape(for: latents.shape)
        let keptCount = max(1, levels.count - pass.plan.recomputedLevelCount)
        lane.workspace.scope {
            let coarse = lane.workspace.tensor(entry, .float32)
            // The coarsest level has its own memory: its attention needs more than its maps, and
            // releases it before the large maps are allocated.
            lane.workspace.scope {
                lane.convolution(convolutionIn, latents, into: coarse)
                observer?("conv_in", coarse)
                var pair = FeatureMapPair(
                    coarse, other: lane.workspace.tensor(entry, activationType))
                _ = forward(coarse, levels[0], &pair, pass: pass, observer: observer)
            }
            let layers = Array(levels[1..<keptCount].joined())
            var pair = FeatureMapPair(
                from: entry, through: layers, activationType: activationType, lane: lane)
            let map = forward(coarse, layers, &pair, pass: pass, observer: observer)
            finish(
                StoredLines(map), Array(levels[keptCount...].joined()), into: image, pass: pass)
        }
    }

    /// Runs layers whose maps are kept.
    private func forward(
        _ map: Tensor, _ layers: [DecoderLayer], _ pair: inout FeatureMapPair, pass: DecoderPass,
        observer: ActivationObserver?
    ) -> Tensor {
        var map = map
        for layer in layers {
            switch layer.kind {
            case .resnet(let resnet):
                let hidden = pair.other(resnet.outputShape(for: map.shape), activationType)
                map = resnet.forward(map, hidden: hidden, pass: pass)
            case .attention(let attention):
                attention.forward(map, lane: pass.lane)
            case .upsampler(let upsampler):
                let result = pair.next(upsampler.outputShape(for: map.shape))
                upsampler.forward(map, into: result, pass: pass)
                map = result
            }
            observer?(layer.name, map)
        }
        return map
    }

    /// Runs layers whose maps are not kept, then computes the picture.
    private func finish(
        _ map: any FeatureLines, _ layers: [DecoderLayer], into image: Tensor,
        pass: DecoderPass
    ) {
        guard let layer = layers.first else {
            let norm = output.coefficients(of: map, pass: pass)
            return pass.forEachBand(of: map.shape) { range in
                output.run(range, of: map, norm: norm, into: image.lines(range), pass: pass)
            }
        }
        let next: any FeatureLines
        switch layer.kind {
        case .resnet(let resnet):
            next = ResnetLines(map: map, resnet: resnet, norms: resnet.norms(of: map, pass: pass))
        case .upsampler(let upsampler):
            next = UpsampledLines(map: map, upsampler: upsampler)
        case .attention:
            preconditionFailure("attention outside of the coarsest level, whose maps are kept")
        }
        finish(next, Array(layers.dropFirst()), into: image, pass: pass)
    }
}
