// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// The numbered blocks of a U-Net under the original names.
struct LDMBlocks {
    /// One of the two lists.
    enum Way: String {
        case input = "input_blocks"
        case output = "output_blocks"

        /// diffusers' name of the list.
        var name: String { self == .input ? "down_blocks" : "up_blocks" }

        /// The list that diffusers calls so.
        init?(name: String) {
            switch name {
            case "down_blocks": self = .input
            case "up_blocks": self = .output
            default: return nil
            }
        }

        fileprivate var resampler: (part: String, name: String) {
            self == .input ? ("op", "downsamplers.0.conv") : ("conv", "upsamplers.0.conv")
        }
    }

    /// What stands at a number inside a block.
    struct Module {
        var isResnet = false
        var isResampler = false
        var channels: Int?
        var transformerCount: Int?
    }

    /// Modules of the mid block by number.
    private(set) var middle: [Int: Module] = [:]
    private var blocks: [Way: [Int: [Int: Module]]] = [.input: [:], .output: [:]]

    /// No model has more blocks, or transformers in one; so sums of numbers in keys don't overflow.
    private static let numberMax = 10_000

    /// The parts of a residual block: original names, then diffusers'.
    static let resnetParts = [
        ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"),
        ("out_layers.0", "norm2"), ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut"),
    ]

    init(_ tensors: [String: StoredTensor]) {
        for (key, tensor) in tensors {
            let parts = key.split(separator: ".").map(String.init)
            guard parts.count > 3, let first = Self.number(parts[1]) else { continue }
            if parts[0] == "middle_block" {
                Self.note(parts[2...], tensor, in: &middle[first, default: Module()])
            } else if let way = Way(rawValue: parts[0]), let second = Self.number(parts[2]) {
                Self.note(
                    parts[3...], tensor,
                    in: &blocks[way, default: [:]][first, default: [:]][second, default: Module()],
                    resampler: way.resampler.part)
            }
        }
    }

    /// The number of a block or layer; `nil` for what is none.
    static func number(_ text: String) -> Int? {
        Int(text).flatMap { (0...numberMax).contains($0) ? $0 : nil }
    }

    private static func note(
        _ parts: ArraySlice<String>, _ tensor: StoredTensor, in module: inout Module,
        resampler: String? = nil
    ) {
        let rest = Array(parts)
        switch rest[0] {
        case "in_layers", "emb_layers": module.isResnet = true
        case "out_layers":
            module.isResnet = true
            if rest == ["out_layers", "3", "weight"] { module.channels = tensor.shape.first }
        case "transformer_blocks":
            let index = rest.count > 1 ? number(rest[1]) ?? 0 : 0
            module.transformerCount = max(module.transformerCount ?? 0, index + 1)
        case resampler: module.isResampler = true
        default: break
        }
    }

    /// Layers by level in the order of their numbers, with the names of their modules.
    func levels(of way: Way, into modules: inout [String: String]) -> [[LDMUNet.Layer]] {
        var levels: [[LDMUNet.Layer]] = [[]]
        for (number, block) in (blocks[way] ?? [:]).sorted(by: { $0.key < $1.key }) {
            let (level, layer) = (levels.count - 1, levels[levels.count - 1].count)
            let place = "\(way.rawValue).\(number)"
            var endsLevel = false
            if block.values.contains(where: \.isResnet) { levels[level].append(LDMUNet.Layer()) }
            for (index, module) in block {
                if module.isResnet {
                    Self.nameResnet(
                        "\(place).\(index)", "\(way.name).\(level).resnets.\(layer)", &modules)
                    levels[level][layer].channels = module.channels
                } else if let count = module.transformerCount, layer < levels[level].count {
                    modules["\(place).\(index)"] = "\(way.name).\(level).attentions.\(layer)"
                    levels[level][layer].transformerCount = count
                } else if module.isResampler {
                    let (part, name) = way.resampler
                    modules["\(place).\(index).\(part)"] = "\(way.name).\(level).\(name)"
                    endsLevel = true
                }
            }
            if endsLevel { levels.append([]) }
        }
        return levels
    }

    /// The names of the mid block's modules.
    func nameMidBlock(in modules: inout [String: String]) {
        let numbers = middle.keys.sorted()
        for (index, number) in numbers.filter({ middle[$0]?.isResnet == true }).enumerated() {
            Self.nameResnet("middle_block.\(number)", "mid_block.resnets.\(index)", &modules)
        }
        for number in numbers where middle[number]?.transformerCount != nil {
            modules["middle_block.\(number)"] = "mid_block.attentions.0"
        }
    }

    private static func nameResnet(
        _ place: String, _ name: String, _ modules: inout [String: String]
    ) {
        for (original, part) in resnetParts { modules["\(place).\(original)"] = "\(name).\(part)" }
    }
}
