// SPDX-License-Identifier: Apache-2.0

/// Creates a decoder's layers from its configuration.
struct DecoderBuilder {
    private let configuration: VAEConfiguration
    private let loader: WeightLoader
    /// Channels by level, the coarsest first.
    private let channels: [Int]

    init(_ configuration: VAEConfiguration, loader: WeightLoader) {
        self.configuration = configuration
        self.loader = loader
        channels = configuration.blockOutputChannels.reversed()
    }

    /// Mid block and up blocks, by the size of the feature maps: each level but the first begins
    /// with the upsampler at the end of the previous block.
    func levels() throws -> [[DecoderLayer]] {
        try channels.indices.map { level in
            try (level == 0 ? midBlock() : [upsampler(to: level)]) + upBlock(level)
        }
    }

    private func midBlock() throws -> [DecoderLayer] {
        var layers = [try resnet("mid_block.resnets.0", channels[0], level: 0)]
        if configuration.midBlockHasAttention {
            let name = "mid_block.attentions.0"
            let attention = try VAEAttention(
                channels: channels[0], groupCount: configuration.normGroupCount,
                loader: loader.scoped(name))
            layers.append(DecoderLayer(name: name, kind: .attention(attention)))
        }
        layers.append(try resnet("mid_block.resnets.1", channels[0], level: 0))
        return layers
    }

    private func upBlock(_ level: Int) throws -> [DecoderLayer] {
        try (0...configuration.layersPerBlock).map { index in
            try resnet(
                "up_blocks.\(level).resnets.\(index)",
                index == 0 ? channels[max(0, level - 1)] : channels[level], level: level)
        }
    }

    private func upsampler(to level: Int) throws -> DecoderLayer {
        let name = "up_blocks.\(level - 1).upsamplers.0"
        let upsampler = try DecoderUpsampler(
            channels: channels[level - 1], options: options(level), loader: loader.scoped(name))
        return DecoderLayer(name: name, kind: .upsampler(upsampler))
    }

    private func resnet(
        _ name: String, _ inputChannels: Int, level: Int
    ) throws -> DecoderLayer {
        let resnet = try DecoderResnet(
            inputChannels: inputChannels, outputChannels: channels[level],
            options: options(level), loader: loader.scoped(name))
        return DecoderLayer(name: name, kind: .resnet(resnet))
    }

    /// For maps of a level, at the model's native size.
    private func options(_ level: Int) -> DecoderOptions {
        let side = configuration.sampleSide / configuration.scaleFactor
        return DecoderOptions(
            groupCount: configuration.normGroupCount, activation: configuration.activation,
            usualPixelCount: side * side << (2 * level))
    }
}
