// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// The blocks of a U-Net under diffusers' names.
struct DiffusersBlocks {
    /// Whether there is a mid block.
    private(set) var hasMidBlock = false
    /// Transformer blocks of the mid block; `nil` without any.
    private(set) var midTransformerCount: Int?
    private var blocks: [LDMBlocks.Way: [Int: [Int: LDMUNet.Layer]]] = [:]

    init(_ tensors: [String: StoredTensor]) {
        for (key, tensor) in tensors {
            let parts = key.split(separator: ".").map(String.init)
            guard parts.count > 4 else { continue }
            if parts[0] == "mid_block" {
                note(middle: parts)
            } else if let way = LDMBlocks.Way(name: parts[0]),
                let block = LDMBlocks.number(parts[1]), let layer = LDMBlocks.number(parts[3])
            {
                Self.note(
                    parts, tensor, in: &blocks[way, default: [:]][block, default: [:]], at: layer)
            }
        }
    }

    private mutating func note(middle parts: [String]) {
        switch parts[1] {
        case "resnets": hasMidBlock = true
        case "attentions":
            midTransformerCount = max(midTransformerCount ?? 0, Self.transformerCount(parts[3...]))
        default: break
        }
    }

    private static func note(
        _ parts: [String], _ tensor: StoredTensor, in layers: inout [Int: LDMUNet.Layer],
        at number: Int
    ) {
        var layer = layers[number] ?? LDMUNet.Layer()
        switch parts[2] {
        case "resnets":
            if parts[4...] == ["conv2", "weight"] { layer.channels = tensor.shape.first }
        case "attentions":
            layer.transformerCount = max(
                layer.transformerCount ?? 0, transformerCount(parts[4...]))
        default: return
        }
        layers[number] = layer
    }

    /// Transformer blocks that the rest of a key behind `attentions` tells of: at least one.
    private static func transformerCount(_ parts: ArraySlice<String>) -> Int {
        guard parts.first == "transformer_blocks" else { return 1 }
        return 1 + (parts.dropFirst().first.flatMap(LDMBlocks.number) ?? 0)
    }

    /// Layers by level in the order of their numbers.
    func levels(of way: LDMBlocks.Way) throws(SingleFileProblem) -> [[LDMUNet.Layer]] {
        func inOrder<Value>(
            _ numbered: [Int: Value], _ place: String
        ) throws(SingleFileProblem) -> [Value] {
            let sorted = numbered.sorted { $0.key < $1.key }
            if let gap = sorted.enumerated().first(where: { $0.offset != $0.element.key }) {
                throw .blocks(reason: "\(place).\(gap.offset) is missing")
            }
            return sorted.map(\.value)
        }
        var levels: [[LDMUNet.Layer]] = []
        for (index, block) in try inOrder(blocks[way] ?? [:], way.name).enumerated() {
            levels.append(try inOrder(block, "\(way.name).\(index).resnets"))
        }
        return levels
    }
}
