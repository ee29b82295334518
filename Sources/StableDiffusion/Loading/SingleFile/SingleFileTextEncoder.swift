// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// The text encoder in a single file: CLIP under transformers' names, or OpenCLIP's under its own.
struct SingleFileTextEncoder: Sendable {
    /// How tensors are named.
    enum Naming: Sendable {
        case clip
        case openCLIP
    }

    let naming: Naming
    /// Weights by the names that the layers ask for, in the order of their keys.
    let weights: [(name: String, source: any WeightSource)]

    /// Where Stable Diffusion 1.x and 2.x keep it, by either generation of the original code, and
    /// diffusers' directory of it.
    static let prefixes: [(prefix: String, naming: Naming)] = [
        ("cond_stage_model.transformer.", .clip), ("cond_stage_model.model.", .openCLIP),
        ("conditioner.embedders.0.transformer.", .clip),
        ("conditioner.embedders.0.model.", .openCLIP), ("text_encoder.", .clip),
    ]

    /// Stable Diffusion 2.x was trained on the states before the last of 24 layers; files have it
    /// nevertheless.
    private static let openCLIPLayerCountMax = 23

    /// Finds it; `nil` where the file has none.
    init?(in tensors: [String: StoredTensor]) {
        let found = Self.prefixes.first { prefix, _ in
            tensors.keys.contains { $0.hasPrefix(prefix) }
        }
        guard let (prefix, naming) = found else { return nil }
        self.naming = naming
        weights = tensors.keys.filter { $0.hasPrefix(prefix) }.sorted().flatMap { key in
            let name = String(key.dropFirst(prefix.count))
            guard let tensor = tensors[key] else { return [] as [(String, any WeightSource)] }
            return switch naming {
            case .clip: CheckpointKeys.textEncoder(name).map { [($0, tensor)] } ?? []
            case .openCLIP: Self.openCLIP(name, tensor)
            }
        }
    }

    /// The configuration that transformers would have beside these weights.
    ///
    /// - Parameter width: of the text that the U-Net reads, where the file lacks the table.
    func configuration(width: Int) -> TextEncoderConfiguration {
        let shapes = Dictionary(
            weights.map { ($0.name, $0.source.shape) }, uniquingKeysWith: { first, _ in first })
        func length(_ name: String, _ index: Int) -> Int? {
            shapes[name].flatMap { index < $0.count ? $0[index] : nil }
        }
        var configuration = TextEncoderConfiguration()
        let table = "embeddings.token_embedding.weight"
        configuration.hiddenSize = length(table, 1) ?? width
        configuration.vocabularySize = length(table, 0) ?? configuration.vocabularySize
        configuration.positionCountMax =
            length("embeddings.position_embedding.weight", 0) ?? configuration.positionCountMax
        configuration.layerCount = 1 + (shapes.keys.compactMap(Self.layer).max() ?? 0)
        configuration.intermediateSize =
            length("encoder.layers.0.mlp.fc1.weight", 0) ?? configuration.intermediateSize
        // Every published encoder has heads of 64 channels.
        configuration.attentionHeadCount = max(1, configuration.hiddenSize / 64)
        configuration.hiddenActivation =
            isOpenCLIP(width: configuration.hiddenSize) ? "gelu" : "quick_gelu"
        return configuration
    }

    /// Whether it is OpenCLIP's, by its names or, under transformers' names, by its width.
    func isOpenCLIP(width: Int) -> Bool {
        naming == .openCLIP || SingleFileFamily(textWidth: width) == .stableDiffusion2
    }

    private static func layer(_ name: String) -> Int? {
        let parts = name.split(separator: ".")
        guard parts.count > 2, parts[0] == "encoder", parts[1] == "layers" else { return nil }
        return Int(parts[2]).flatMap { ConfigurationLimits.layers.contains($0 + 1) ? $0 : nil }
    }

    private static let openCLIPParts = [
        "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2", "attn.out_proj": "self_attn.out_proj",
    ]

    /// transformers' names of an OpenCLIP tensor: of queries, keys and values, which are one there,
    /// three.
    ///
    /// A key that is not understood keeps its own, which no layer asks for.
    private static func openCLIP(
        _ key: String, _ tensor: StoredTensor
    ) -> [(String, any WeightSource)] {
        switch key {
        case "positional_embedding": return [("embeddings.position_embedding.weight", tensor)]
        case "token_embedding.weight": return [("embeddings.token_embedding.weight", tensor)]
        case "text_projection", "logit_scale", "attn_mask": return []
        default: break
        }
        if key.hasPrefix("ln_final.") {
            return [("final_layer_norm." + key.dropFirst("ln_final.".count), tensor)]
        }
        let parts = key.split(separator: ".").map(String.init)
        guard parts.count > 4, parts[0] == "transformer", parts[1] == "resblocks",
            let layer = Int(parts[2])
        else { return [(key, tensor)] }
        guard layer < openCLIPLayerCountMax else { return [] }
        let place = "encoder.layers.\(layer)"
        if parts[3] == "attn", parts[4].hasPrefix("in_proj_"), parts.count == 5 {
            return thirds(
                of: tensor, "\(place).self_attn", String(parts[4].dropFirst("in_proj_".count)))
                ?? [(key, tensor)]
        }
        let part = parts[3...].dropLast().joined(separator: ".")
        guard let name = openCLIPParts[part] else { return [(key, tensor)] }
        return [("\(place).\(name).\(parts[parts.count - 1])", tensor)]
    }

    private static func thirds(
        of tensor: StoredTensor, _ place: String, _ kind: String
    ) -> [(String, any WeightSource)]? {
        guard let count = tensor.shape.first, count % 3 == 0 else { return nil }
        return ["q_proj", "k_proj", "v_proj"].enumerated().map { index, name in
            let rows = index * count / 3..<(index + 1) * count / 3
            return ("\(place).\(name).\(kind)", TensorRows(rows, of: tensor))
        }
    }
}
