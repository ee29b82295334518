// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes the parts of a diffusers directory under the names of the original code, as single files
/// have them.
///
/// It numbers blocks from diffusers' names and configuration; the loader counts them the other way
/// round, from the numbers.
package struct OriginalNames {
    /// How the text encoder is written.
    package enum TextNaming: Sendable {
        case clip
        case openCLIP
    }

    /// A configuration that numbers can't be made from.
    package struct UnknownLayout: Error {}

    /// Layers per level, the finest first.
    private let layers: [Int]
    /// Whether up blocks have transformers, the coarsest first.
    private let upHasAttention: [Bool]
    private let vaeLevelCount: Int
    /// Blocks per level that are numbered, whether or not they are there: 3 in models that
    /// diffusers' conversion script wrote; `nil` numbers without gaps.
    package var stride: Int?
    /// What the text encoder is written as.
    package var textNaming = TextNaming.clip

    /// Reads what numbers depend on.
    ///
    /// - Parameter model: a directory with `unet/config.json` and `vae/config.json`.
    package init(model: String) throws {
        func configuration(_ component: String) throws -> [String: Any] {
            let data = try Data(contentsOf: URL(filePath: "\(model)/\(component)/config.json"))
            guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
                throw UnknownLayout()
            }
            return object
        }
        let unet = try configuration("unet")
        guard let channels = unet["block_out_channels"] as? [Int],
            let up = unet["up_block_types"] as? [String],
            let vaeChannels = try configuration("vae")["block_out_channels"] as? [Int]
        else { throw UnknownLayout() }
        layers =
            unet["layers_per_block"] as? [Int]
            ?? Array(repeating: unet["layers_per_block"] as? Int ?? 2, count: channels.count)
        upHasAttention = up.map { $0.hasPrefix("CrossAttn") }
        vaeLevelCount = vaeChannels.count
    }

    /// One file of all three parts of a directory.
    package func singleFile(of model: String) throws -> TensorFile {
        var file = TensorFile()
        file.add(
            unet(try TensorFile(folder: "\(model)/unet")), prefix: "model.diffusion_model.")
        file.add(vae(try TensorFile(folder: "\(model)/vae")), prefix: "first_stage_model.")
        let text = try TensorFile(folder: "\(model)/text_encoder")
        switch textNaming {
        case .clip: file.add(clip(text), prefix: "cond_stage_model.transformer.text_model.")
        case .openCLIP: file.add(openCLIP(text), prefix: "cond_stage_model.model.")
        }
        return file
    }

    /// A U-Net, without a prefix.
    package func unet(_ file: TensorFile) -> TensorFile {
        renamed(file, unetName)
    }

    /// The name of a U-Net's tensor or module.
    package func unetName(_ name: String) -> String {
        unetModule(name.split(separator: ".").map(String.init))
    }

    private func renamed(_ file: TensorFile, _ rename: (String) -> String) -> TensorFile {
        var result = TensorFile()
        for (name, content) in file.tensors { result[rename(name)] = content }
        return result
    }

    private static let resnetParts = [
        "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
    ]

    private func unetModule(_ parts: [String]) -> String {
        func joined(_ head: String, from index: Int) -> String {
            ([head] + parts[index...]).joined(separator: ".")
        }
        switch parts[0] {
        case "conv_in": return joined("input_blocks.0.0", from: 1)
        case "conv_norm_out": return joined("out.0", from: 1)
        case "conv_out": return joined("out.2", from: 1)
        case "time_embedding" where parts[1] == "linear_1": return joined("time_embed.0", from: 2)
        case "time_embedding" where parts[1] == "linear_2": return joined("time_embed.2", from: 2)
        case "mid_block":
            let index = Int(parts[2]) ?? 0
            return parts[1] == "attentions"
                ? joined("middle_block.1", from: 3)
                : joined("middle_block.\(2 * index).\(Self.resnetParts[parts[3]] ?? "?")", from: 4)
        case "down_blocks", "up_blocks": break
        default: return parts.joined(separator: ".")
        }
        let isDown = parts[0] == "down_blocks"
        let (block, layer) = (Int(parts[1]) ?? 0, Int(parts[3]) ?? 0)
        // An up block has a layer more than its level, a down block its downsampler.
        let counts = (isDown ? layers : layers.reversed()).map { stride ?? $0 + 1 }
        let start = counts[..<block].reduce(isDown ? 1 : 0, +)
        let list = isDown ? "input_blocks" : "output_blocks"
        switch parts[2] {
        case "resnets":
            let part = Self.resnetParts[parts[4]] ?? "?"
            return joined("\(list).\(start + layer).0.\(part)", from: 5)
        case "attentions": return joined("\(list).\(start + layer).1", from: 4)
        case "downsamplers": return joined("\(list).\(start + counts[block] - 1).0.op", from: 5)
        default:
            // The script that numbers in threes supposes attention everywhere but in the first
            // block.
            let isBehindAttention = stride == nil ? upHasAttention[block] : block > 0
            let place = start + counts[block] - 1
            return joined("\(list).\(place).\(isBehindAttention ? 2 : 1).conv", from: 5)
        }
    }

    /// A VAE, without a prefix.
    package func vae(_ file: TensorFile) -> TensorFile {
        var result = renamed(file, vaeName)
        // Products are convolutions there.
        for (name, content) in result.tensors
        where name.contains(".attn_1.") && content.shape.count == 2 {
            result[name]?.shape += [1, 1]
        }
        return result
    }

    private func vaeName(_ name: String) -> String {
        var parts = name.split(separator: ".").map(String.init)
        guard parts.count > 3, parts[0] == "decoder" else {
            return name.replacing("conv_norm_out", with: "norm_out")
        }
        switch parts[1] {
        case "mid_block" where parts[2] == "attentions":
            let names = [
                "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "query": "q",
                "key": "k", "value": "v", "proj_attn": "proj_out", "to_out": "proj_out",
            ]
            let rest = parts[4] == "to_out" ? parts[6...] : parts[5...]
            parts = ["decoder", "mid", "attn_1", names[parts[4]] ?? "?"] + rest
        case "mid_block":
            parts = ["decoder", "mid", "block_\((Int(parts[3]) ?? 0) + 1)"] + parts[4...]
        case "up_blocks":
            let level = "\(vaeLevelCount - 1 - (Int(parts[2]) ?? 0))"
            parts =
                ["decoder", "up", level]
                + (parts[3] == "resnets" ? ["block"] + parts[4...] : ["upsample"] + parts[5...])
        default: break
        }
        return parts.joined(separator: ".").replacing("conv_shortcut", with: "nin_shortcut")
    }

    private func clip(_ file: TensorFile) -> TensorFile {
        renamed(file) { $0.hasPrefix("text_model.") ? String($0.dropFirst(11)) : $0 }
    }

    private func openCLIP(_ file: TensorFile) -> TensorFile {
        let source = clip(file)
        var result = TensorFile()
        result["positional_embedding"] = source["embeddings.position_embedding.weight"]
        result["token_embedding.weight"] = source["embeddings.token_embedding.weight"]
        result["logit_scale"] = TensorFile.Content([], [4.6])
        result["text_projection"] = TensorFile.Content([1, 1], [1])
        let names = [
            "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc",
            "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj",
        ]
        for kind in ["weight", "bias"] {
            result["ln_final.\(kind)"] = source["final_layer_norm.\(kind)"]
            var layer = 0
            while let queries = source["encoder.layers.\(layer).self_attn.q_proj.\(kind)"] {
                let (old, new) = ("encoder.layers.\(layer)", "transformer.resblocks.\(layer)")
                var joined = queries
                joined.shape[0] *= 3
                for part in ["k_proj", "v_proj"] {
                    joined.bytes += source["\(old).self_attn.\(part).\(kind)"]?.bytes ?? []
                }
                result["\(new).attn.in_proj_\(kind)"] = joined
                for (from, to) in names {
                    result["\(new).\(to).\(kind)"] = source["\(old).\(from).\(kind)"]
                }
                layer += 1
            }
        }
        return result
    }
}
