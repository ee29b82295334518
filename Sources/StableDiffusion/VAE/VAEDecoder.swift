// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// diffusers' `Decoder` of `AutoencoderKL`: a chain of layers from latents to a picture.
final class VAEDecoder: Sendable {
    /// One layer of the chain between the two outer convolutions.
    private enum Layer {
        case resnet(ResnetBlock2D)
        case attention(VAEAttention)
        case upsampler(Upsample2D)

        func outputShape(for input: TensorShape) -> TensorShape {
            switch self {
            case .resnet(let resnet): input.with(channels: resnet.outputChannels)
            case .attention: input
            case .upsampler: input.with(height: 2 * input.height, width: 2 * input.width)
            }
        }

        func forward(_ input: Tensor, into output: Tensor, lane: ComputeLane) {
            switch self {
            case .resnet(let resnet):
                resnet.forward(input, timeEmbedding: nil, into: output, lane: lane)
            case .attention(let attention): attention.forward(input, lane: lane)
            case .upsampler(let upsampler): upsampler.forward(input, into: output, lane: lane)
            }
        }
    }

    private let convolutionIn: any PackedConvolution
    private let layers: [(name: String, layer: Layer)]
    private let normOut: GroupNorm
    private let convolutionOut: any PackedConvolution
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
        layers = try Self.layers(configuration, loader: loader)
        normOut = try GroupNorm(
            "conv_norm_out", channels: channels[0], groupCount: configuration.normGroupCount,
            epsilon: Self.epsilon, loader: loader)
        convolutionOut = try loader.convolution(
            "conv_out",
            ConvolutionGeometry(
                inputChannels: channels[0], outputChannels: configuration.outputChannels,
                kernelSize: 3))
    }

    /// Mid block and up blocks as one chain.
    private static func layers(
        _ configuration: VAEConfiguration, loader: WeightLoader
    ) throws -> [(name: String, layer: Layer)] {
        var options = ResnetBlock2D.Options(
            groupCount: configuration.normGroupCount, epsilon: epsilon,
            activation: configuration.activation, timeChannels: nil,
            usualPixelCount: latentPixelCount(configuration))
        let reversed = Array(configuration.blockOutputChannels.reversed())
        var chain: [(name: String, layer: Layer)] = []
        func append(resnet name: String, _ inputChannels: Int, _ outputChannels: Int) throws {
            let resnet = try ResnetBlock2D(
                inputChannels: inputChannels, outputChannels: outputChannels, options: options,
                loader: loader.scoped(name))
            chain.append((name, .resnet(resnet)))
        }
        try append(resnet: "mid_block.resnets.0", reversed[0], reversed[0])
        if configuration.midBlockHasAttention {
            let name = "mid_block.attentions.0"
            let attention = try VAEAttention(
                channels: reversed[0], groupCount: configuration.normGroupCount,
                loader: loader.scoped(name))
            chain.append((name, .attention(attention)))
        }
        try append(resnet: "mid_block.resnets.1", reversed[0], reversed[0])
        for (block, channels) in reversed.enumerated() {
            let arriving = block == 0 ? reversed[0] : reversed[block - 1]
            for index in 0...configuration.layersPerBlock {
                try append(
                    resnet: "up_blocks.\(block).resnets.\(index)",
                    index == 0 ? arriving : channels, channels)
            }
            guard block + 1 < reversed.count else { break }
            let name = "up_blocks.\(block).upsamplers.0"
            options.usualPixelCount *= 4
            let upsampler = try Upsample2D(
                channels: channels, usualPixelCount: options.usualPixelCount,
                loader: loader.scoped(name))
            chain.append((name, .upsampler(upsampler)))
        }
        return chain
    }

    /// Of latents of the size that the model was made for.
    private static func latentPixelCount(_ configuration: VAEConfiguration) -> Int {
        let side = configuration.sampleSide / configuration.scaleFactor
        return side * side
    }

    /// - Parameters:
    ///   - latents: `[batch, height, width, latentChannels]`, the activation type.
    ///   - output: the picture, f32.
    func forward(
        _ latents: Tensor, into output: Tensor, lane: ComputeLane, observer: ActivationObserver?
    ) {
        lane.workspace.scope {
            let entry = convolutionIn.geometry.outputShape(for: latents.shape)
            var pair = TensorPair(shapes(from: entry), lane: lane)
            var hidden = pair.next(entry)
            lane.convolution(convolutionIn, latents, into: hidden)
            observer?("conv_in", hidden)
            for (name, layer) in layers {
                let shape = layer.outputShape(for: hidden.shape)
                // A layer that keeps its shape works in place.
                let result = shape == hidden.shape ? hidden : pair.next(shape)
                layer.forward(hidden, into: result, lane: lane)
                hidden = result
                observer?(name, hidden)
            }
            let normed = lane.workspace.tensor(hidden.shape, activationType)
            normOut.forward(hidden, activation: .silu, into: normed, lane: lane)
            lane.convolution(convolutionOut, normed, into: output)
        }
    }

    /// The shapes along the chain, without repetitions.
    private func shapes(from entry: TensorShape) -> [TensorShape] {
        var shapes = [entry]
        for (_, layer) in layers {
            let next = layer.outputShape(for: shapes[shapes.count - 1])
            if next != shapes[shapes.count - 1] { shapes.append(next) }
        }
        return shapes
    }
}

/// Two blocks of the workspace that take turns as input and output of a chain of layers.
private struct TensorPair {
    private let even: Tensor
    private let odd: Tensor
    private var count = 0

    /// Takes room for a chain of these shapes, in this order.
    init(_ shapes: [TensorShape], lane: ComputeLane) {
        func block(_ parity: Int) -> Tensor {
            let sizes = shapes.indices.lazy.filter { $0 % 2 == parity }
                .map { shapes[$0].elementCount }
            return lane.workspace.tensor(
                TensorShape(tokens: sizes.max() ?? 1, channels: 1), .float32)
        }
        even = block(0)
        odd = block(1)
    }

    /// The next tensor of the chain; the one before it stays valid.
    mutating func next(_ shape: TensorShape) -> Tensor {
        let block = count % 2 == 0 ? even : odd
        count += 1
        return Tensor(
            storage: block.storage, byteOffset: block.byteOffset, shape: shape,
            elementType: .float32)
    }
}
