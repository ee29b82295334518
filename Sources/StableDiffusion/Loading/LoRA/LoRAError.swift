// SPDX-License-Identifier: Apache-2.0

/// A LoRA that can't be merged into the model.
package struct LoRAError: Error, Equatable, CustomStringConvertible {
    /// The file.
    package let path: String
    /// What is wrong with it.
    package let problem: LoRAProblem

    package var description: String { "\(path) \(problem)" }
}

/// What can be wrong with a LoRA, apart from where it is.
package enum LoRAProblem: Error, Equatable, CustomStringConvertible {
    /// No tensor of it has a LoRA's name.
    case noLoRA(keys: [String])
    /// Another kind of adapter.
    case otherKind(String, key: String)
    /// More tensors than any LoRA has.
    case tensorCount(Int, maximum: Int)
    /// Keys that name no layer of the model, of so many; what the file says of its base.
    case unmatched([String], of: Int, base: String?)
    /// Layers whose tensors have shapes for another model.
    case misshapen([String], of: Int, base: String?)
    /// A layer whose tensors don't belong together.
    case layer(String, reason: String)
    /// Two names of one layer.
    case duplicate(String, String)
    /// A number that can't scale anything.
    case scale(key: String, value: String)
    /// The header's description of the adapter.
    case metadata(reason: String)

    private static let listedMax = 12

    package var description: String {
        switch self {
        case .noLoRA(let keys):
            """
            is no LoRA: it has \(keys.isEmpty ? "no tensors" : Self.listed(keys, 3, separator: ", ")); \
            a checkpoint is given with --model, a textual inversion with --embd-dir
            """
        case .otherKind(let kind, let key):
            """
            is an adapter of another kind, \(kind) (\(key)); LoRA, LoCon, LoHa, LoKr, DoRA and \
            weight differences can be merged
            """
        case .tensorCount(let count, let maximum):
            "has \(count) tensors; no LoRA has more than \(maximum)"
        case .unmatched(let keys, let count, let base):
            """
            doesn't fit this model: \(keys.count) of its \(count) tensors name no layer of it\
            \(Self.made(for: base)):
            \(Self.listed(keys, Self.listedMax, separator: "\n"))
            Take a LoRA for this kind of model.
            """
        case .misshapen(let layers, let count, let base):
            """
            doesn't fit this model: \(layers.count) of its \(count) layers have another \
            shape\(Self.made(for: base)):
            \(Self.listed(layers, Self.listedMax, separator: "\n"))
            Take a LoRA for this kind of model.
            """
        case .layer(let stem, let reason):
            "can't be merged: \(stem): \(reason); download it again, or take another version"
        case .duplicate(let first, let second):
            """
            can't be merged: \(first) and \(second) are two names of one layer; take a file with \
            one of them
            """
        case .scale(let key, let value):
            """
            can't be merged: \(key) is \(value), with which the LoRA has no effect or no meaning; \
            download it again, or take another version
            """
        case .metadata(let reason):
            """
            can't be merged: lora_adapter_metadata in its header \(reason); save it again with \
            diffusers
            """
        }
    }

    /// - Parameter base: from a stranger's file.
    private static func made(for base: String?) -> String {
        base.map { " (its header says that it was made for \($0))" } ?? ""
    }

    private static func listed(_ items: [String], _ maximum: Int, separator: String) -> String {
        let indent = separator == "\n" ? "  " : ""
        let rest =
            items.count > maximum ? ["\(indent)… and \(items.count - maximum) more"] : []
        return (items.prefix(maximum).map { indent + $0 } + rest).joined(separator: separator)
    }
}
