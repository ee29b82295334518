// SPDX-License-Identifier: Apache-2.0

package import SafeTensors
package import TensorKit

/// The weights of one component, by the names that its layers ask for.
package struct ComponentWeights: Sendable {
    /// The directory or file that they are in, for errors.
    let path: String
    /// What describes the layers, for errors.
    let description: String
    /// Weights by name.
    private(set) var sources: [String: any WeightSource]
    /// Further tensors under a name that is taken, by their names in the file.
    let duplicates: [String]
    /// What LoRAs add, by name.
    private(set) var patches: [String: WeightPatch] = [:]

    /// Takes weights in the order in which names are given away.
    ///
    /// A scale beside a weight (`scale_weight`, `weight_scale`: files of eight-bit values) is
    /// applied to it.
    /// - Parameters:
    ///   - path: the directory or file, for errors.
    ///   - description: what the weights must fit.
    package init(
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

    /// Shapes by name, outermost length first.
    package var shapes: [String: [Int]] { sources.mapValues(\.shape) }

    /// The same weights, and what is added to them when they are read.
    func patched(_ patches: [String: WeightPatch]) -> ComponentWeights {
        var weights = self
        weights.patches = patches
        return weights
    }

    /// The same weights, one of them a table with further rows; unchanged where it is no table of
    /// such rows, which the comparison with the layers then says.
    func extended(_ name: String, by rows: [any WeightSource]) -> ComponentWeights {
        guard let table = sources[name], table.shape.count == 2, table.shape[1] > 0,
            rows.allSatisfy({ $0.shape.last == table.shape[1] })
        else { return self }
        var weights = self
        weights.sources[name] = JoinedRows(table, rows)
        return weights
    }

    /// Reads a weight with everything that is added to it.
    ///
    /// - Parameters:
    ///   - target: as many values as it has.
    ///   - backend: computes what is added; on the calling thread's team.
    /// - Throws: `CheckpointMismatchError` for a name that there is not; `changed`, `notFinite`.
    func read(
        _ name: String, into target: UnsafeMutableBufferPointer<Float>,
        backend: any ComputeBackend
    ) throws {
        try source(name).read(into: target)
        try patches[name]?.apply(to: target, backend: backend)
    }

    /// All values of a weight, with everything that is added to it.
    ///
    /// - Throws: what `read` throws.
    package func values(of name: String, backend: any ComputeBackend) throws -> [Float] {
        var values = [Float](repeating: 0, count: try source(name).elementCount)
        try values.withUnsafeMutableBufferPointer { try read(name, into: $0, backend: backend) }
        return values
    }

    /// A weight as its file has it.
    ///
    /// - Throws: `CheckpointMismatchError` for a name that there is not.
    func source(_ name: String) throws -> any WeightSource {
        guard let source = sources[name] else {
            throw CheckpointMismatchError(path: path, missing: [name])
        }
        return source
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
