// SPDX-License-Identifier: Apache-2.0

/// The stems by which LoRA files name the layers of a model.
///
/// Made by spelling this model's names in every way that trainers do. The other direction, reading
/// names in which dots have become underscores, is ambiguous.
struct LoRANames {
    /// A layer: `name` plus `.weight` or `.bias` is a weight's name.
    struct Layer: Hashable, Sendable {
        var component: ModelComponent
        var name: String
    }

    private var layers: [String: Layer] = [:]

    /// Spells all layers.
    ///
    /// - Parameters:
    ///   - unet: the names of the U-Net's weights.
    ///   - textEncoder: the names of the text encoder's.
    init(unet: some Sequence<String>, textEncoder: some Sequence<String>) {
        let modules = Self.modules(of: unet)
        let originals = LDMNames(modules)
        for module in modules {
            let layer = Layer(component: .unet, name: module)
            for name in [module, originals.name(of: module)] {
                guard let name else { continue }
                note(Self.underscored(name), after: ["lora_unet_", "lycoris_"], layer)
            }
            if let name = originals.name(of: module) {
                note(name, after: ["diffusion_model.", "model.diffusion_model."], layer)
            }
            for name in [module] + Self.processorNames(of: module) {
                note(name, after: Self.dottedPrefixes(of: "unet"), layer)
            }
        }
        for module in Self.modules(of: textEncoder) where !module.hasPrefix("embeddings.") {
            let layer = Layer(component: .textEncoder, name: module)
            // transformers before 5 puts `text_model.` before every name.
            for name in ["text_model.\(module)", module] {
                note(
                    Self.underscored(name), after: ["lora_te_", "lora_te1_", "lycoris_"], layer)
                for name in [name] + Self.processorNames(of: name) {
                    note(name, after: Self.dottedPrefixes(of: "text_encoder"), layer)
                }
            }
        }
    }

    /// The layer that a stem names; `nil` where none is called so.
    subscript(stem: String) -> Layer? { layers[stem] }

    private mutating func note(_ name: String, after prefixes: [String], _ layer: Layer) {
        for prefix in prefixes { layers[prefix + name] = layers[prefix + name] ?? layer }
    }

    /// What diffusers and PEFT write before a name.
    private static func dottedPrefixes(of component: String) -> [String] {
        ["\(component).", "", "base_model.model.", "base_model.model.\(component)."]
    }

    private static func underscored(_ name: String) -> String { name.replacing(".", with: "_") }

    /// The layers of weights and biases, each once, sorted.
    private static func modules(of weights: some Sequence<String>) -> [String] {
        Set(
            weights.compactMap { name in
                for ending in [".weight", ".bias"] where name.hasSuffix(ending) {
                    return String(name.dropLast(ending.count))
                }
                return nil
            }
        ).sorted()
    }

    /// diffusers' names of attention layers while LoRAs were attention processors: `to_q` stands
    /// for a text encoder's `q_proj`, too.
    private static func processorNames(of module: String) -> [String] {
        let words = module.split(separator: ".").map(String.init)
        guard let place = words.lastIndex(where: { ["attn1", "attn2", "self_attn"].contains($0) }),
            place + 1 < words.count
        else { return [] }
        let attention = words[...place].joined(separator: ".")
        let part = words[place + 1]
        let older =
            part.hasSuffix("_proj") ? "to_\(part.dropLast("_proj".count))" : part
        return ["\(attention).\(older)", "\(attention).processor.\(older)"]
    }
}
