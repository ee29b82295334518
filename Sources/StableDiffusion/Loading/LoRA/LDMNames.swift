// SPDX-License-Identifier: Apache-2.0

/// The names of a U-Net's modules in the original code (LDM), from those in diffusers: what
/// `LDMUNet` reads the other way round.
///
/// Blocks are numbered without gaps, as sd-scripts numbers them.
struct LDMNames {
    /// LDM's names of modules, and of what other modules are in, by diffusers'.
    private var names: [String: String]
    /// The first three and four words of every module: `down_blocks.0.resnets.1`.
    private let places: Set<String>

    /// Numbers the blocks.
    ///
    /// - Parameter modules: diffusers' names, such as `down_blocks.0.resnets.1.conv1`.
    init(_ modules: some Sequence<String>) {
        var places: Set<String> = []
        for module in modules {
            let words = module.split(separator: ".", omittingEmptySubsequences: false)
            for count in 2...4 where words.count > count {
                places.insert(words[..<count].joined(separator: "."))
            }
        }
        self.places = places
        // Of two spellings the first is sd-scripts'.
        names = Dictionary(
            LDMUNet.outerModules.map { ($1, $0) }, uniquingKeysWith: { min($0, $1) })
        nameDownBlocks()
        nameUpBlocks()
        nameMidBlock()
    }

    /// LDM's name of a module; `nil` where it has none.
    func name(of module: String) -> String? {
        let words = module.split(separator: ".", omittingEmptySubsequences: false)
        for count in stride(from: words.count, to: 0, by: -1) {
            if let name = names[words[..<count].joined(separator: ".")] {
                return ([name[...]] + words[count...]).joined(separator: ".")
            }
        }
        return nil
    }

    private mutating func nameDownBlocks() {
        var number = 1
        for block in blocks(of: "down_blocks") {
            for layer in layers(of: block) {
                name(block, layer, "input_blocks.\(number)")
                number += 1
            }
            if places.contains("\(block).downsamplers.0") {
                names["\(block).downsamplers.0.conv"] = "input_blocks.\(number).0.op"
                number += 1
            }
        }
    }

    private mutating func nameUpBlocks() {
        var number = 0
        for block in blocks(of: "up_blocks") {
            for layer in layers(of: block) {
                name(block, layer, "output_blocks.\(number)")
                number += 1
                // The last layer's stands.
                let place = places.contains("\(block).attentions.\(layer)") ? 2 : 1
                names["\(block).upsamplers.0.conv"] = "output_blocks.\(number - 1).\(place).conv"
            }
        }
    }

    private mutating func nameMidBlock() {
        var number = 0
        for layer in layers(of: "mid_block") {
            nameResnet("mid_block.resnets.\(layer)", "middle_block.\(number)")
            number += 1
            if places.contains("mid_block.attentions.\(layer)") {
                names["mid_block.attentions.\(layer)"] = "middle_block.\(number)"
                number += 1
            }
        }
    }

    private mutating func name(_ block: String, _ layer: Int, _ place: String) {
        nameResnet("\(block).resnets.\(layer)", "\(place).0")
        names["\(block).attentions.\(layer)"] = "\(place).1"
    }

    private mutating func nameResnet(_ name: String, _ place: String) {
        for (original, part) in LDMBlocks.resnetParts {
            names["\(name).\(part)"] = "\(place).\(original)"
        }
    }

    private func blocks(of list: String) -> [String] {
        (0...).lazy.map { "\(list).\($0)" }.prefix(while: places.contains).map { $0 }
    }

    private func layers(of block: String) -> [Int] {
        (0...).lazy.prefix { places.contains("\(block).resnets.\($0)") }.map { $0 }
    }
}
