// SPDX-License-Identifier: Apache-2.0

/// Everything in which a component's weights differ from the shape that is described.
package struct CheckpointMismatchError: Error, Equatable, CustomStringConvertible {
    /// A tensor of another shape than the layers need.
    package struct Misshapen: Equatable, Sendable {
        package var name: String
        package var expected: [Int]
        package var found: [Int]

        package init(name: String, expected: [Int], found: [Int]) {
            self.name = name
            self.expected = expected
            self.found = found
        }
    }

    /// The component's directory, or the model's file.
    package var path: String
    /// What describes the layers.
    package var shape = "config.json"
    /// Tensors that a layer needs and the checkpoint lacks, sorted.
    package var missing: [String] = []
    /// Tensors that the checkpoint has and no layer needs, sorted.
    package var unexpected: [String] = []
    /// Tensors of the wrong shape, sorted by name.
    package var misshapen: [Misshapen] = []
    /// Tensors whose values can't be read as numbers, with their type, sorted.
    package var unreadable: [String] = []

    /// Whether nothing differs.
    var isEmpty: Bool {
        missing.isEmpty && unexpected.isEmpty && misshapen.isEmpty && unreadable.isEmpty
    }

    package var description: String {
        var lines = ["\(path): the weights don't fit \(shape)"]
        lines += Self.section("missing", missing)
        lines += Self.section("unexpected", unexpected)
        lines += Self.section(
            "of another shape", misshapen.map { "\($0.name) \($0.found), not \($0.expected)" })
        lines += Self.section("of a type that can't be read", unreadable)
        lines.append("Use the configuration and all weights of one and the same model.")
        return lines.joined(separator: "\n")
    }

    private static let listedMax = 12

    private static func section(_ title: String, _ names: [String]) -> [String] {
        guard !names.isEmpty else { return [] }
        let rest = names.count > listedMax ? ["    … and \(names.count - listedMax) more"] : []
        return ["  \(names.count) \(title):"] + names.prefix(listedMax).map { "    \($0)" } + rest
    }
}
