// SPDX-License-Identifier: Apache-2.0

package import SafeTensors

/// The weights of one component, by the names that its layers ask for.
package struct ComponentWeights: Sendable {
    /// The directory or file that they are in, for errors.
    let path: String
    /// What describes the layers, for errors.
    let description: String
    /// Weights by name.
    let sources: [String: any WeightSource]
    /// Further tensors under a name that is taken, by their names in the file.
    let duplicates: [String]

    /// Takes weights in the order in which names are given away.
    ///
    /// A scale beside a weight (`scale_weight`, `weight_scale`: files of eight-bit values) is
    /// applied to it.
    /// - Parameters:
    ///   - path: the directory or file, for errors.
    ///   - description: what the weights must fit.
    init(
        path: String, fitting description: String,
        _ weights: some Sequence<(name: String, source: any WeightSource)>
    ) {
        var sources: [String: any WeightSource] = [:]
        var duplicates: [String] = []
        for (name, source) in weights {
            if sources.updateValue(source, forKey: name) != nil { duplicates.append(source.name) }
        }
        self.path = path
        self.description = description
        self.sources = Self.scaled(sources)
        self.duplicates = duplicates
    }

    /// Takes the weights in a component's directory.
    ///
    /// - Parameter mapping: from keys to the names that the layers ask for; `nil` ignores.
    package init(_ checkpoint: Checkpoint, mapping: (String) -> String?) {
        let weights = checkpoint.names.compactMap { key -> (String, any WeightSource)? in
            guard let name = mapping(key), let tensor = checkpoint[key] else { return nil }
            return (name, tensor)
        }
        self.init(path: checkpoint.directory, fitting: "config.json", weights)
    }

    private static func scaled(
        _ sources: [String: any WeightSource]
    ) -> [String: any WeightSource] {
        var result = sources
        for (name, source) in sources where name.hasSuffix(".weight") {
            let module = name.dropLast("weight".count)
            for scale in ["\(module)scale_weight", "\(module)weight_scale"] {
                // Of two scales one would be applied in vain.
                guard let factors = sources[scale], !(result[name] is ScaledTensor),
                    let scaled = ScaledTensor(source, scale: factors)
                else { continue }
                result[name] = scaled
                result[scale] = nil
                // What the author measured for products in eight bits; ours are wider.
                result["\(module)scale_input"] = nil
                result["\(module)input_scale"] = nil
            }
        }
        return result
    }
}
