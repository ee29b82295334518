// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A model with LoRAs in its weights: they are merged while weights are packed, so that steps cost
/// what they cost without, and no second copy is in memory.
package struct ModelWithLoRAs: WrappedModel {
    package let model: any ModelSource
    /// In the order in which they are added.
    package let loras: [LoRASelection]
    package var checkpoint: any ModelSource { model.checkpoint }
    private let patches: [ModelComponent: [String: WeightPatch]]
    /// The LoRAs that change a part.
    private let contributors: [ModelComponent: [LoRASelection]]

    /// The parts that LoRAs change.
    private static let components: [ModelComponent] = [.unet, .textEncoder]

    /// Opens the files and finds the layers that they change.
    ///
    /// - Throws: `LoRAError`, `SingleFileError`, `SafeTensorsError`, and what the model says of its
    ///   weights.
    package init(_ model: any ModelSource, loras: [LoRASelection]) throws {
        var shapes: [ModelComponent: [String: [Int]]] = [:]
        for component in Self.components {
            shapes[component] = try model.weights(of: component).shapes
        }
        let names = LoRANames(
            unet: (shapes[.unet] ?? [:]).keys, textEncoder: (shapes[.textEncoder] ?? [:]).keys)
        var patches: [ModelComponent: [String: WeightPatch]] = [:]
        var contributors: [ModelComponent: [LoRASelection]] = [:]
        for lora in loras {
            let weights = Dictionary(
                uniqueKeysWithValues: Self.components.map { ($0, lora.weight(of: $0)) })
            let terms = try LoRAFile(path: lora.path, noting: model.files).terms(
                for: names, shapes: shapes, weights: weights)
            for (component, terms) in terms where weights[component] != 0 && !terms.isEmpty {
                contributors[component, default: []].append(lora)
                for (name, term) in terms {
                    patches[component, default: [:]][name, default: WeightPatch()].terms
                        .append(term)
                }
            }
        }
        self.model = model
        self.loras = loras
        self.patches = patches
        self.contributors = contributors
    }

    package func weights(of component: ModelComponent) throws -> ComponentWeights {
        try model.weights(of: component).patched(patches[component] ?? [:])
    }

    /// The model's own parts, then each LoRA's file with the weight that it is merged with.
    package func digestParts(of component: ModelComponent) throws -> [DigestPart] {
        try model.digestParts(of: component)
            + (contributors[component] ?? []).flatMap { lora in
                let bits = String(lora.weight(of: component).bitPattern, radix: 16)
                return [DigestPart.file(lora.path), .text("lora \(bits)")]
            }
    }
}
