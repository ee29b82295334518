// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// Kinds of files that are not Stable Diffusion 1.x or 2.x checkpoints, by marks in their keys.
struct OtherKind: Sendable {
    /// A part of a key that no other kind has.
    enum Mark: Sendable {
        case begins(String)
        case holds(String)

        func matches(_ key: String) -> Bool {
            switch self {
            case .begins(let prefix): key.hasPrefix(prefix)
            case .holds(let part): key.contains(part)
            }
        }
    }

    /// What it is, with an article.
    let name: String
    /// What to do about it.
    let advice: String
    let marks: [Mark]

    /// The kind of a file whose keys hold no U-Net under the original names; the first match counts.
    static func of(_ keys: some Collection<String>) -> SingleFileProblem {
        for kind in besideUNet + withoutUNet {
            if keys.contains(where: { key in kind.marks.contains { $0.matches(key) } }) {
                return .otherKind(kind.name, advice: kind.advice)
            }
        }
        return .otherKind(
            "no Stable Diffusion checkpoint",
            advice: "no key begins with \(SingleFileModel.unetPrefix); check what it is for")
    }

    /// The kind of a file that has such a U-Net and is nevertheless something else.
    static func besideUNet(_ keys: some Collection<String>) -> SingleFileProblem? {
        for kind in besideUNet {
            if keys.contains(where: { key in kind.marks.contains { $0.matches(key) } }) {
                return .otherKind(kind.name, advice: kind.advice)
            }
        }
        return nil
    }

    /// Refuses U-Nets that need more than a text and noise.
    ///
    /// - Parameter unet: its tensors, by their original or diffusers' names behind the prefix.
    static func check(_ unet: [String: StoredTensor]) throws(SingleFileProblem) {
        func other(_ name: String) -> SingleFileProblem {
            .otherKind("an \(name) checkpoint", advice: "\(name) is not supported; \(take)")
        }
        let widths = unet.filter { $0.key.hasSuffix(".attn2.to_k.weight") }
            .compactMap(\.value.shape.last)
        if widths.contains(2048) { throw other("SDXL") }
        if widths.contains(1280) { throw other("SDXL refiner") }
        let entry = (unet["input_blocks.0.0.weight"] ?? unet["conv_in.weight"])?.shape ?? []
        switch entry.count > 1 ? entry[1] : 4 {
        case 9: throw other("inpainting")
        case 8: throw other("InstructPix2Pix")
        case 7: throw other("upscaling")
        case 5:
            throw .otherKind(
                "a depth-to-image checkpoint", advice: "depth-to-image is not supported; \(take)")
        default: break
        }
        let classes = ["label_emb.", "class_embedding."]
        guard !unet.keys.contains(where: { key in classes.contains { key.hasPrefix($0) } }) else {
            throw other("unCLIP")
        }
    }

    private static let take = "take a Stable Diffusion 1.x or 2.x checkpoint"

    private static let besideUNet = [
        OtherKind(
            name: "quantised with bitsandbytes",
            advice: "take the checkpoint in fp16, bf16 or fp8",
            marks: [.holds(".quant_state."), .holds(".absmax")]),
        OtherKind(
            name: "a ControlNet", advice: "ControlNets are not supported; \(take)",
            marks: [
                .begins("control_model."), .begins("controlnet_"), .begins("input_hint_block."),
            ]),
        OtherKind(
            name: "a video model", advice: "video models are not supported; \(take)",
            marks: [.holds(".time_stack."), .holds("motion_modules."), .holds("temporal_")]),
        OtherKind(
            name: "an SDXL checkpoint", advice: "SDXL is not supported; \(take)",
            marks: [.begins("conditioner.embedders.1.")]),
        OtherKind(
            name: "a Playground or CosXL checkpoint",
            advice: "models trained with EDM's noise are not supported; \(take)",
            marks: [.begins("edm_mean"), .begins("edm_vpred.")]),
    ]

    private static let withoutUNet = [
        OtherKind(
            name: "a LoRA",
            advice: "a LoRA changes a model and is none: give --model the checkpoint itself",
            marks: [
                .holds("lora_down."), .holds("lora_up."), .holds(".lora_A."), .holds(".lora_B."),
                .holds("_lora.down."), .holds(".hada_w1"), .holds(".lokr_w"), .holds(".oft_"),
                .holds(".dora_scale"),
            ]),
        OtherKind(
            name: "a textual inversion",
            advice: "an embedding is no model: give --model the checkpoint itself",
            marks: [.begins("emb_params"), .begins("clip_l"), .begins("clip_g")]),
        OtherKind(
            name: "a Stable Diffusion 3 checkpoint",
            advice: "Stable Diffusion 3 is not supported; \(take)", marks: [.holds("joint_blocks.")]
        ),
        OtherKind(
            name: "a Flux checkpoint", advice: "Flux and its relatives are not supported; \(take)",
            marks: [.holds("double_blocks.")]),
        OtherKind(
            name: "a Lumina or Z-Image checkpoint",
            advice: "diffusion transformers are not supported; \(take)",
            marks: [.holds("layers.0.adaLN")]),
        OtherKind(
            name: "a U-Net under diffusers' names",
            advice: """
                put it into unet/ of a model directory, as diffusion_pytorch_model.safetensors \
                with its config.json, and give --model that directory
                """, marks: [.begins("down_blocks."), .begins("mid_block."), .begins("unet.")]),
        OtherKind(
            name: "a U-Net alone, or under another prefix than \(SingleFileModel.unetPrefix)",
            advice: "take the author's whole checkpoint, with text encoder and VAE",
            marks: [.begins("input_blocks."), .begins("diffusion_model.input_blocks.")]),
        OtherKind(
            name: "a diffusion transformer",
            advice: "diffusion transformers are not supported; \(take)",
            marks: [.holds("transformer_blocks."), .begins("model.diffusion_model.")]),
        OtherKind(
            name: "a tiny autoencoder (TAESD)",
            advice: "it is no model, and not supported as a VAE",
            marks: [.begins("decoder.layers."), .begins("taesd_"), .begins("1.weight")]),
        OtherKind(
            name: "a VAE", advice: "give it with --vae, and the checkpoint with --model",
            marks: [
                .begins("decoder."), .begins("encoder.down"), .begins("first_stage_model."),
                .begins("vae."),
            ]),
        OtherKind(
            name: "a text encoder",
            advice: "take the whole checkpoint, with U-Net and VAE",
            marks: [
                .begins("text_model."), .begins("encoder.layers."), .begins("cond_stage_model."),
                .begins("transformer.resblocks."), .begins("encoder.block."),
            ]),
        OtherKind(
            name: "a language model", advice: "it generates no pictures; \(take)",
            marks: [.begins("model.layers."), .begins("layers.")]),
    ]
}
