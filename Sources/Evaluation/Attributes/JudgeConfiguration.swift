// SPDX-License-Identifier: Apache-2.0

package import StableDiffusion

/// `judge.json`: the judge's layers, and the meaning of its outputs.
///
/// Matches `export` in scripts/train/judge_net.py.
package struct JudgeConfiguration: ComponentConfiguration, Equatable {
    /// One step of the network.
    package enum Layer: Sendable, Equatable {
        case convolution(name: String, channels: Int, kernel: Int, stride: Int, padding: Int)
        case groupNorm(name: String, groups: Int, epsilon: Float)
        case silu
        /// Channels, then rows, then columns, as torch flattens.
        case flatten
        case linear(name: String)
    }

    /// Names of the classes, in the order of the outputs.
    package struct Values: Sendable, Equatable, Decodable {
        package let sky: [String]
        package let land: [String]
        package let background: [String]
        package let celestial: [String]
    }

    package let width: Int
    package let height: Int
    package let layers: [Layer]
    package let values: Values
    package let kinds: [String]
    package let colours: [String]
    package let positions: [String]
    /// Kinds whose colour may be scored.
    package let coloured: [String]
    /// A kind is present if its output is above this.
    package let presentAbove: Float
    /// Outputs by group, as in the file.
    let outputs: [String: Int]

    /// Number of network outputs: sky, land, background, celestial, present (one per kind), colour
    /// (kinds × colours), position (kinds × positions).
    package var outputCount: Int { groups.reduce(0) { $0 + $1.count } }

    /// The groups of outputs, in their order.
    private var groups: [(name: String, count: Int)] {
        [
            ("sky", values.sky.count), ("land", values.land.count),
            ("background", values.background.count), ("celestial", values.celestial.count),
            ("present", kinds.count), ("colour", kinds.count * colours.count),
            ("position", kinds.count * positions.count),
        ]
    }

    package func validate() throws(ConfigurationProblem) {
        let groups = groups
        for (name, count) in groups where count == 0 || outputs[name] != count {
            throw .invalid(
                key: "outputs.\(name)", value: outputs[name].map { "\($0)" } ?? "missing",
                reason: "there are names for \(count)")
        }
        guard outputs.count == groups.count else {
            throw .unsupported(
                key: "outputs", value: outputs.keys.sorted().joined(separator: ", "),
                supported: groups.map(\.name))
        }
        guard (1...4096).contains(width), (1...4096).contains(height) else {
            throw .invalid(
                key: "input.size", value: "\(width)×\(height)", reason: "it must be up to 4096")
        }
        try validateLayers()
    }

    /// The network's order: convolutions, each followed by norm and activation, then flatten and
    /// linear.
    private func validateLayers() throws(ConfigurationProblem) {
        var channels = 3
        for (index, layer) in layers.enumerated() {
            let previous = index > 0 ? layers[index - 1] : nil
            let isLast = index == layers.count - 1
            let isSound =
                switch layer {
                case .convolution(_, let count, let kernel, let stride, let padding):
                    (1...4096).contains(count) && [1, 3].contains(kernel)
                        && [1, 2].contains(stride) && padding == kernel / 2
                case .groupNorm(_, let groups, let epsilon):
                    index > 0 && groups > 0 && channels.isMultiple(of: groups) && epsilon > 0
                case .silu: previous.map { $0 != .silu } ?? false
                case .flatten: index == layers.count - 2
                case .linear: isLast && previous == .flatten
                }
            guard isSound else {
                throw .invalid(
                    key: "layers[\(index)]", value: "\(layer)", reason: "it does not fit there")
            }
            if case .convolution(_, let count, _, _, _) = layer { channels = count }
        }
        guard case .linear = layers.last else {
            throw .invalid(key: "layers", value: "a list of \(layers.count)", reason: "no linear")
        }
    }

    /// Reads a scene from the network's outputs: among equal ones the first, like torch's `argmax`.
    ///
    /// - Parameter logits: `outputCount` numbers.
    package func scene(_ logits: [Float]) -> SceneAttributes {
        precondition(logits.count == outputCount, "\(logits.count) outputs for \(outputCount)")
        var start = 0
        func choose(_ names: [String]) -> String {
            defer { start += names.count }
            var best = 0
            for index in names.indices where logits[start + index] > logits[start + best] {
                best = index
            }
            return names[best]
        }
        let (sky, land) = (choose(values.sky), choose(values.land))
        let (background, celestial) = (choose(values.background), choose(values.celestial))
        let isPresent = kinds.indices.map { logits[start + $0] > presentAbove }
        start += kinds.count
        let hues = kinds.map { _ in choose(colours) }
        let places = kinds.map { _ in choose(positions) }
        let objects = kinds.indices.filter { isPresent[$0] }.map { index in
            SceneAttributes.Object(
                object: kinds[index], colour: coloured.contains(kinds[index]) ? hues[index] : nil,
                position: places[index])
        }
        return SceneAttributes(
            sky: sky, land: land, background: background, celestial: celestial, objects: objects)
    }

    /// Checks that a picture has the size on which the judge was trained.
    package func check(width: Int, height: Int) throws(JudgeSizeError) {
        guard width == self.width, height == self.height else {
            throw JudgeSizeError(
                width: width, height: height, expectedWidth: self.width,
                expectedHeight: self.height)
        }
    }
}

/// A picture of a size that the judge does not support.
package struct JudgeSizeError: Error, Equatable, CustomStringConvertible {
    package let width: Int
    package let height: Int
    package let expectedWidth: Int
    package let expectedHeight: Int

    /// The problem and its remedy.
    package var description: String {
        """
        the judge knows pictures of \(expectedWidth)×\(expectedHeight) pixels only, not \
        \(width)×\(height); generate them at that size (-W \(expectedWidth) -H \(expectedHeight)) \
        with the embedded model, and don't scale them
        """
    }
}
