// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A VAE in a single file, of its own or inside a checkpoint, under the original names or diffusers'.
struct SingleFileVAE: Sendable {
    /// The decoder's weights by the names that the layers ask for, in the order of their keys.
    let weights: [(name: String, source: any WeightSource)]

    /// Where a VAE stands: in a checkpoint, in one of diffusers' parts, in a file of its own.
    private static let prefixes = ["first_stage_model.", "vae.", ""]

    /// Finds the VAE of a file; `nil` where it has none.
    init?(in tensors: [String: StoredTensor]) {
        let entry = "decoder.conv_in.weight"
        guard let prefix = Self.prefixes.first(where: { tensors[$0 + entry] != nil }) else {
            return nil
        }
        let keys = tensors.keys.filter { $0.hasPrefix(prefix) }.sorted()
        let names = keys.map { String($0.dropFirst(prefix.count)) }
        let isOriginal = names.contains {
            $0.hasPrefix("decoder.up.") || $0.hasPrefix("decoder.mid.")
        }
        let levelCount = 1 + (names.compactMap { Self.number($0, after: "decoder.up.") }.max() ?? 0)
        weights = zip(keys, names).compactMap { key, name in
            guard let tensor = tensors[key], !name.hasPrefix("loss."),
                // Beside a VAE without a prefix there may be anything.
                !prefix.isEmpty || Self.ownKeys.contains(where: name.hasPrefix)
            else { return nil }
            let renamed = isOriginal ? Self.name(ofOriginal: name, levelCount: levelCount) : name
            return CheckpointKeys.vaeDecoder(renamed).map { ($0, tensor) }
        }
    }

    private static let ownKeys = ["decoder.", "post_quant_conv."]

    /// The configuration that diffusers would have beside these weights.
    ///
    /// - Parameter sampleSide: of the pictures that the model was trained on, in pixels.
    func configuration(sampleSide: Int) -> VAEConfiguration {
        let shapes = Dictionary(
            weights.map { ($0.name, $0.source.shape) }, uniquingKeysWith: { first, _ in first })
        let blocks = shapes.keys.compactMap { Self.number($0, after: "decoder.up_blocks.") }
        let layers = shapes.keys.compactMap {
            Self.number($0, after: "decoder.up_blocks.0.resnets.")
        }
        let levelCount = 1 + (blocks.max() ?? 0)
        var configuration = VAEConfiguration()
        configuration.sampleSize = .all(sampleSide)
        configuration.normGroupCount = 32
        configuration.upBlockTypes = Array(repeating: "UpDecoderBlock2D", count: levelCount)
        configuration.blockOutputChannels = (0..<levelCount).reversed().map { level in
            shapes["decoder.up_blocks.\(level).resnets.0.conv2.weight"]?.first ?? 0
        }
        configuration.layersPerBlock = max(1, layers.max() ?? 1)
        if let shape = shapes["decoder.conv_in.weight"], shape.count > 1 {
            configuration.latentChannels = shape[1]
        }
        configuration.usesPostQuantConvolution = shapes["post_quant_conv.weight"] != nil
        configuration.midBlockHasAttention = shapes.keys.contains {
            $0.hasPrefix("decoder.mid_block.attentions.0.")
        }
        return configuration
    }

    private static func number(_ name: String, after prefix: String) -> Int? {
        guard name.hasPrefix(prefix) else { return nil }
        return Int(name.dropFirst(prefix.count).prefix { $0 != "." })
            .flatMap { ConfigurationLimits.layers.contains($0 + 1) ? $0 : nil }
    }

    private static let attentionParts = [
        "norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0",
    ]

    /// diffusers' name of a decoder's tensor: the original counts levels from the finest.
    private static func name(ofOriginal key: String, levelCount: Int) -> String {
        var parts = key.split(separator: ".").map(String.init)
        guard parts.count > 2, parts[0] == "decoder" else { return key }
        switch (parts[1], parts[2]) {
        case ("norm_out", _): parts[1] = "conv_norm_out"
        case ("mid", "block_1"): parts.replaceSubrange(1...2, with: ["mid_block", "resnets", "0"])
        case ("mid", "block_2"): parts.replaceSubrange(1...2, with: ["mid_block", "resnets", "1"])
        case ("mid", "attn_1"):
            if parts.count > 3, let part = attentionParts[parts[3]] { parts[3] = part }
            parts.replaceSubrange(1...2, with: ["mid_block", "attentions", "0"])
        case ("up", _):
            guard parts.count > 4, let level = Int(parts[2]), (0..<levelCount).contains(level)
            else {
                return key
            }
            let place = ["up_blocks", "\(levelCount - 1 - level)"]
            switch parts[3] {
            case "block": parts.replaceSubrange(1...3, with: place + ["resnets"])
            case "upsample": parts.replaceSubrange(1...3, with: place + ["upsamplers", "0"])
            default: return key
            }
        default: break
        }
        return parts.map { $0 == "nin_shortcut" ? "conv_shortcut" : $0 }.joined(separator: ".")
    }
}
