// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A U-Net in a single file, mostly under the names of the original code (LDM, latent diffusion):
/// `input_blocks`, `middle_block`, `output_blocks`, each numbered through all levels.
///
/// Levels and layers follow from which blocks there are, not from a known model: a downsampler
/// (`op`) ends a level on the way down, an upsampler (`conv`) on the way up, and layers count by
/// their order. That also reads models with fewer layers whose numbers have gaps.
struct LDMUNet: Sendable {
    /// A layer: a residual block, and transformers behind it.
    struct Layer: Sendable {
        /// Channels that it puts out; `nil` where the file lacks the weight that says so.
        var channels: Int?
        /// Transformer blocks; `nil` without any.
        var transformerCount: Int?
    }

    /// Layers by level, the finest first.
    let down: [[Layer]]
    /// Layers by level in the order they run, the coarsest first.
    let up: [[Layer]]
    /// Whether there is a mid block.
    let hasMidBlock: Bool
    /// Transformer blocks of the mid block; `nil` without any.
    let midTransformerCount: Int?
    /// Tensors by diffusers' names; a key that is not understood keeps its own, which no layer asks
    /// for.
    let tensors: [String: StoredTensor]
    /// The same in the order of their keys, with further tensors of a name.
    let weights: [(name: String, source: any WeightSource)]

    /// Counts the blocks.
    ///
    /// - Parameter tensors: by their original names behind the prefix.
    init(_ tensors: [String: StoredTensor]) throws(SingleFileProblem) {
        let blocks = LDMBlocks(tensors)
        var modules = Self.outerModules
        let down = blocks.levels(of: .input, into: &modules)
        let up = blocks.levels(of: .output, into: &modules)
        blocks.nameMidBlock(in: &modules)
        try self.init(
            tensors.map { (key: $0, name: Self.name(ofKey: $0, modules), tensor: $1) },
            down: down, up: up, hasMidBlock: blocks.middle.values.contains(where: \.isResnet),
            midTransformerCount: blocks.middle.values.compactMap(\.transformerCount).first)
    }

    /// Counts the blocks.
    ///
    /// - Parameter tensors: by diffusers' names.
    init(diffusers tensors: [String: StoredTensor]) throws(SingleFileProblem) {
        let blocks = DiffusersBlocks(tensors)
        try self.init(
            tensors.map { (key: $0, name: $0, tensor: $1) }, down: try blocks.levels(of: .input),
            up: try blocks.levels(of: .output), hasMidBlock: blocks.hasMidBlock,
            midTransformerCount: blocks.midTransformerCount)
    }

    private init(
        _ tensors: [(key: String, name: String, tensor: StoredTensor)], down: [[Layer]],
        up: [[Layer]], hasMidBlock: Bool, midTransformerCount: Int?
    ) throws(SingleFileProblem) {
        guard down.count == up.count else {
            throw .blocks(reason: "\(down.count) levels on the way down, \(up.count) on the way up")
        }
        for (level, layers) in down.enumerated() {
            let back = up[down.count - 1 - level]
            guard !layers.isEmpty, back.count == layers.count + 1 else {
                throw .blocks(
                    reason: """
                        level \(level) has \(layers.count) layers on the way down and \
                        \(back.count), not \(layers.count + 1), on the way up
                        """)
            }
        }
        let sorted = tensors.sorted { $0.key < $1.key }
        self.tensors = Dictionary(
            sorted.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
        weights = sorted.map { ($0.name, $0.tensor) }
        self.down = down
        self.up = up
        self.hasMidBlock = hasMidBlock
        self.midTransformerCount = midTransformerCount
    }

    /// Names of modules outside all blocks: original, then diffusers'.
    static let outerModules = [
        "input_blocks.0.0": "conv_in", "time_embed.0": "time_embedding.linear_1",
        "time_embed.2": "time_embedding.linear_2",
        // Distilled models (LCM), under either name.
        "time_embed.cond_proj": "time_embedding.cond_proj",
        "time_embedding.cond_proj": "time_embedding.cond_proj", "out.0": "conv_norm_out",
        "out.2": "conv_out",
    ]

    /// diffusers' name of a tensor.
    private static func name(ofKey key: String, _ modules: [String: String]) -> String {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        for count in stride(from: parts.count - 1, to: 0, by: -1) {
            if let module = modules[parts[..<count].joined(separator: ".")] {
                return ([module[...]] + parts[count...]).joined(separator: ".")
            }
        }
        return key
    }

    /// Whether the guidance scale is an input (LCM).
    var isGuidanceDistilled: Bool { conditionProjection != nil }

    /// The weights that take the guidance scale in.
    var conditionProjection: StoredTensor? {
        tensors["time_embedding.cond_proj.weight"]
    }
}
