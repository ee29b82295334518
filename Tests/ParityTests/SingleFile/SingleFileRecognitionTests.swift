// SPDX-License-Identifier: Apache-2.0

import Foundation
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Files as they come: each is loaded, or refused with one error that names what it is.
@Suite struct SingleFileRecognitionTests {
    static let unet = "model.diffusion_model."
    static let text = "cond_stage_model.transformer.text_model."

    typealias Case = ChangedFile

    private static func rename(
        _ file: inout TensorFile, _ old: String, _ new: String
    ) {
        for (name, content) in file.tensors where name.hasPrefix(old) {
            file[name] = nil
            file[new + name.dropFirst(old.count)] = content
        }
    }

    private static func remove(_ file: inout TensorFile, where matches: (String) -> Bool) {
        for name in file.tensors.keys where matches(name) { file[name] = nil }
    }

    /// Sets a length of a tensor, with as many values as it then has.
    private static func reshape(_ file: inout TensorFile, _ name: String, _ shape: [Int]) {
        let count = shape.reduce(1, *)
        file[name] = TensorFile.Content(shape, [Float](repeating: 0.01, count: count))
    }

    private static let ones = TensorFile.Content([2], [1, 1])

    static let loaded = [
        Case("as it is") { _ in },
        Case("text encoder without text_model.") {
            rename(&$0, text, "cond_stage_model.transformer.")
        },
        Case("the newer code's text encoder") {
            rename(&$0, "cond_stage_model.", "conditioner.embedders.0.")
        },
        Case("position numbers that a merge has rounded") {
            $0["\(text)embeddings.position_ids"] = TensorFile.Content(
                [1, 77], [Float](repeating: 0.5, count: 77))
        },
        Case("doubled by moving averages") { file in
            for name in file.tensors.keys where name.hasPrefix(unet) {
                file["model_ema.\(name.dropFirst(6).replacing(".", with: ""))"] = ones
            }
        },
        Case("tables of the noise schedule and marks") { file in
            for name in [
                "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod",
                "sqrt_recipm1_alphas_cumprod", "log_one_minus_alphas_cumprod",
                "posterior_variance", "denoiser.sigmas", "first_stage_model.loss.logvar",
                "cond_stage_model.logit_scale",
            ] { file[name] = ones }
        },
        Case("linear projections") { file in
            for (name, content) in file.tensors
            where name.hasSuffix("proj_in.weight") || name.hasSuffix("proj_out.weight") {
                if name.hasPrefix(unet) { file[name]?.shape = Array(content.shape.prefix(2)) }
            }
        },
        Case("a VAE in half-width numbers and the rest in doubles") { file in
            let name = "\(unet)out.2.bias"
            let bytes = [0.5, 0.25, 0, 1].withUnsafeBytes { Array($0) }
            file[name] = TensorFile.Content(.float64, [4], bytes)
        },
    ]

    static let refused = [
        Case("a tensor is missing", refusedWith: "1 missing", "conv_in.weight") {
            $0["\(unet)input_blocks.0.0.weight"] = nil
        },
        Case("a text tensor is missing", refusedWith: "1 missing", "final_layer_norm.bias") {
            $0["\(text)final_layer_norm.bias"] = nil
        },
        Case("a tensor too many", refusedWith: "1 unexpected", "input_blocks.1.0.more.weight") {
            $0["\(unet)input_blocks.1.0.more.weight"] = ones
        },
        Case(
            "a tensor of another shape", refusedWith: "1 of another shape",
            "out.0.bias [2], not [32]"
        ) { $0["\(unet)out.0.bias"] = ones },
        Case("a tensor of whole numbers", refusedWith: "can't be read", "out.2.bias (I32)") {
            $0["\(unet)out.2.bias"] = TensorFile.Content(
                .int32, [4], [UInt8](repeating: 0, count: 16))
        },
        Case("two spellings of one tensor", refusedWith: "1 unexpected", "final_layer_norm.bias") {
            $0["cond_stage_model.transformer.final_layer_norm.bias"] =
                $0["\(text)final_layer_norm.bias"]
        },
        Case("layers that lack on the way up", refusedWith: "level 0", "2, not 3") { file in
            remove(&file) { $0.hasPrefix("\(unet)output_blocks.11.") }
        },
        Case("a level without its downsampler", refusedWith: "3 levels", "4 on the way up") {
            file in
            remove(&file) { $0.hasPrefix("\(unet)input_blocks.3.") }
        },
        Case("attention in some layers of a level", refusedWith: "1 of 2 layers of level 1") {
            file in
            remove(&file) { $0.hasPrefix("\(unet)input_blocks.4.1.") }
        },
        Case("no attention", refusedWith: "attn2.to_k") { file in
            remove(&file) { $0.contains(".1.") && $0.hasPrefix(unet) && $0.contains("attn") }
        },
        Case("a scale that fits nothing", refusedWith: "1 unexpected", "scale_weight") {
            $0["\(unet)out.2.scale_weight"] = TensorFile.Content([3], [1, 1, 1])
        },
        Case("no VAE", refusedWith: "holds no VAE", "--vae") { file in
            remove(&file) { $0.hasPrefix("first_stage_model.") }
        },
        Case("no text encoder", refusedWith: "without its text encoder") { file in
            remove(&file) { $0.hasPrefix("cond_stage_model.") }
        },
        Case("a text encoder of another width", refusedWith: "hidden_size is 512", "768") {
            reshape(&$0, "\(text)embeddings.token_embedding.weight", [8, 512])
        },
        Case("a U-Net for text of another width", refusedWith: "width 96", "--model-config") {
            file in
            for name in file.tensors.keys where name.contains(".attn2.to_k.") {
                reshape(&file, name, [file[name]?.shape[0] ?? 0, 96])
            }
        },
        Case("SDXL by its second encoder", refusedWith: "SDXL") {
            $0["conditioner.embedders.1.model.ln_final.bias"] = ones
        },
        Case("SDXL by its width", refusedWith: "SDXL is not supported") { file in
            for name in file.tensors.keys where name.contains(".attn2.to_k.") {
                reshape(&file, name, [file[name]?.shape[0] ?? 0, 2048])
            }
        },
        Case("SDXL's refiner", refusedWith: "SDXL refiner") { file in
            for name in file.tensors.keys where name.contains(".attn2.to_k.") {
                reshape(&file, name, [file[name]?.shape[0] ?? 0, 1280])
            }
        },
        Case("inpainting", refusedWith: "inpainting") {
            reshape(&$0, "\(unet)input_blocks.0.0.weight", [32, 9, 3, 3])
        },
        Case("InstructPix2Pix", refusedWith: "InstructPix2Pix") {
            reshape(&$0, "\(unet)input_blocks.0.0.weight", [32, 8, 3, 3])
        },
        Case("upscaling", refusedWith: "upscaling") {
            reshape(&$0, "\(unet)input_blocks.0.0.weight", [32, 7, 3, 3])
        },
        Case("depth", refusedWith: "depth-to-image") {
            reshape(&$0, "\(unet)input_blocks.0.0.weight", [32, 5, 3, 3])
        },
        Case("unCLIP", refusedWith: "unCLIP") { $0["\(unet)label_emb.0.0.bias"] = ones },
        Case("EDM", refusedWith: "EDM") { $0["edm_vpred.sigma_max"] = ones },
        Case("a video model", refusedWith: "video") {
            $0["\(unet)input_blocks.1.0.time_stack.in_layers.0.bias"] = ones
        },
        Case("ControlNet with its model", refusedWith: "ControlNet") {
            $0["control_model.input_blocks.0.0.bias"] = ones
        },
        Case("four-bit numbers", refusedWith: "bitsandbytes") {
            $0["\(unet)out.2.weight.quant_state.bitsandbytes__nf4"] = ones
        },
        Case("another prefix", refusedWith: "U-Net alone, or under another prefix") {
            rename(&$0, unet, "diffusion_model.")
        },
        Case(
            "SD3", keys: ["\(unet)joint_blocks.0.x_block.attn.qkv.weight"],
            refusedWith: "Diffusion 3"),
        Case("Flux", keys: ["double_blocks.0.img_attn.qkv.weight"], refusedWith: "Flux"),
        Case("Z-Image", keys: ["layers.0.adaLN_modulation.0.weight"], refusedWith: "Z-Image"),
        Case(
            "a LoRA", keys: ["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"],
            refusedWith: "is a LoRA"),
        Case(
            "PEFT's LoRA", keys: ["unet.down_blocks.0.attentions.0.proj_in.lora_A.weight"],
            refusedWith: "is a LoRA"),
        Case("LoHa", keys: ["lora_unet_mid_block.hada_w1_a"], refusedWith: "is a LoRA"),
        Case("an embedding", keys: ["emb_params"], refusedWith: "textual inversion"),
        Case("a VAE", keys: ["decoder.conv_in.weight"], refusedWith: "is a VAE", "--vae"),
        Case("TAESD", keys: ["decoder.layers.0.weight"], refusedWith: "TAESD"),
        Case(
            "diffusers' U-Net", keys: ["down_blocks.0.resnets.0.conv1.weight"],
            refusedWith: "put it into unet/"),
        Case(
            "diffusers' transformer", keys: ["transformer_blocks.0.attn.to_q.weight"],
            refusedWith: "diffusion transformer"),
        Case(
            "a text encoder", keys: ["text_model.final_layer_norm.bias"],
            refusedWith: "text encoder"),
        Case(
            "a language model", keys: ["model.layers.0.mlp.up_proj.weight"], refusedWith: "language"
        ),
        Case("something else", keys: ["weight"], refusedWith: "no Stable Diffusion checkpoint"),
        Case("nothing", keys: [], refusedWith: "no Stable Diffusion checkpoint"),
    ]

    /// A sound checkpoint; only its table of tokens is short.
    private static let base = Result {
        let folder = try TemporaryDirectory()
        return try withExtendedLifetime(folder) {
            try SyntheticModel("sd1", in: folder, vocabularySize: 8).singleFile()
        }
    }

    private func load(_ path: String, vae: String? = nil) throws {
        let model = try openSingleFile(path) { $0.vae = vae }
        let backend = try Machine.standard.makeBackend()
        _ = try ModelDescription(of: model)
        _ = try model.schedulerConfiguration()
        _ = try UNet2DConditionModel.load(from: model, backend: backend)
        _ = try CLIPTextModel.load(from: model, backend: backend)
        _ = try AutoencoderKL.load(from: model, backend: backend)
    }

    /// The text of the only error.
    private func refusal(_ path: String, vae: String? = nil) throws -> String {
        let error = #expect(throws: (any Error).self) { try load(path, vae: vae) }
        return "\(try #require(error))"
    }

    @Test(arguments: loaded)
    func loads(_ item: Case) throws {
        let folder = try TemporaryDirectory()
        var file = try Self.base.get()
        item.change(&file)
        try load(try file.write(to: folder.file("model.safetensors")))
    }

    @Test(arguments: refused)
    func refuses(_ item: Case) throws {
        let folder = try TemporaryDirectory()
        var file = try Self.base.get()
        item.change(&file)
        let path = try file.write(to: folder.file("model.safetensors"))
        let text = try refusal(path)
        #expect(text.hasPrefix(path), "\(text)")
        for word in item.words { #expect(text.contains(word), "\(text)") }
    }

    /// What is in the file besides the model, and does nothing, is told.
    @Test func whatIsLeftOutIsReported() throws {
        let folder = try TemporaryDirectory()
        var file = try Self.base.get()
        file["embedding_manager.embedder.weight"] = Self.ones
        file["safety_checker.bias"] = Self.ones
        let path = try file.write(to: folder.file("model.safetensors"))
        let warning = try ModelDescription(of: openSingleFile(path)).leftOutWarning
        #expect(try #require(warning).contains("embedding_manager, safety_checker"))
    }

    /// Other formats are refused by their first bytes or their names, and nothing of them is run.
    @Test(arguments: [
        ("model.ckpt", "PK\u{3}\u{4}", "pickle"),
        ("model.safetensors", "PK\u{3}\u{4}rest", "pickle"),
        ("model.pt", "anything", "pickle"), ("model.bin", "anything", "pickle"),
        ("model.gguf", "anything", "GGUF"), ("model.safetensors", "GGUF\u{3}", "GGUF"),
        ("model.safetensors", "short", "5 bytes"),
        ("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid x", "Git LFS"),
    ])
    func otherFormats(_ name: String, _ content: String, _ word: String) throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write(content, to: name)
        let text = try refusal(path)
        #expect(text.hasPrefix(path) && text.contains(word), "\(text)")
    }

    @Test func truncatedFiles() throws {
        let folder = try TemporaryDirectory()
        let path = try Self.base.get().write(to: folder.file("model.safetensors"))
        try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 1 << 20)
        #expect(try refusal(path).contains("is truncated"))
    }

    @Test(arguments: [
        (["decoder.layers.1.weight"], [2, 2], "TAESD"),
        (["decoder.conv_in.weight"], [16, 16, 1, 1], "16 latent channels"),
        (["lora_unet_mid_block.lora_up.weight"], [2, 2], "no VAE"),
    ])
    func otherVAEs(_ keys: [String], _ shape: [Int], _ word: String) throws {
        let folder = try TemporaryDirectory()
        let path = try Self.base.get().write(to: folder.file("model.safetensors"))
        var file = TensorFile()
        for key in keys { Self.reshape(&file, key, shape) }
        let vae = try file.write(to: folder.file("vae.safetensors"))
        let text = try refusal(path, vae: vae)
        #expect(text.hasPrefix(vae) && text.contains(word), "\(text)")
    }

    /// An SDXL VAE has the same keys and shapes: its name or its author's word tells it apart.
    @Test func sdxlVAEs() throws {
        let folder = try TemporaryDirectory()
        let path = try Self.base.get().write(to: folder.file("model.safetensors"))
        let vae = try Self.base.get().write(to: folder.file("SDXL_vae.safetensors"))
        #expect(try refusal(path, vae: vae).contains("a VAE of SDXL"))
        var writer = SafeTensorsWriter(
            metadata: ["modelspec.architecture": "stable-diffusion-xl-v1-base/vae"])
        writer.add("decoder.conv_in.weight", shape: [1, 4, 1, 1], values: [1, 1, 1, 1])
        try writer.write(to: folder.file("other.safetensors"))
        let text = try refusal(path, vae: folder.file("other.safetensors"))
        #expect(text.contains("a VAE of SDXL"), "\(text)")
    }

    /// More keys than any model has are refused before they are compared with anything.
    @Test func tooManyTensors() throws {
        let folder = try TemporaryDirectory()
        let entries = (0...100_000).map {
            "\"k\($0)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"
        }
        let header = Array("{\(entries.joined(separator: ","))}".utf8)
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        let path = try folder.write(length + header, to: "model.safetensors")
        #expect(try refusal(path).contains("100001 tensors"))
    }

    @Test func absentFilesAndOptionsForOthers() throws {
        let folder = try TemporaryDirectory()
        let absent = folder.file("absent.safetensors")
        #expect(throws: ConfigurationError(path: absent, problem: .missingModel)) {
            try openSingleFile(absent)
        }
        #expect(throws: ModelSelectionError(path: folder.path)) {
            try openSingleFile(folder.path) { $0.prediction = .epsilon }
        }
    }

    /// The original configuration beside the file, marks in it, and the user's word, which counts
    /// most.
    @Test(
        arguments: [
            (nil, [], nil, "epsilon"), ("v", [], nil, "v_prediction"),
            ("\"v\" # velocity", [], nil, "v_prediction"), ("'eps'", ["v_pred"], nil, "epsilon"),
            (nil, ["v_pred", "ztsnr"], nil, "v_prediction"), ("v", [], "epsilon", "epsilon"),
        ] as [(String?, [String], String?, String)])
    func predictions(
        _ yaml: String?, _ marks: [String], _ option: String?, _ expected: String
    ) throws {
        let folder = try TemporaryDirectory()
        var file = try Self.base.get()
        for mark in marks { file[mark] = TensorFile.Content([0], []) }
        if let yaml {
            try folder.write(
                "model:\n  params:\n    parameterization: \(yaml)\n", to: "model.yaml")
        }
        let path = try file.write(to: folder.file("model.safetensors"))
        let model = try openSingleFile(path) {
            $0.prediction = option.flatMap(PredictionType.init(rawValue:))
        }
        let scheduler = try model.schedulerConfiguration()
        #expect(scheduler.predictionType == expected)
        #expect(scheduler.rescaleBetasZeroSNR == (marks.contains("ztsnr") ? true : nil))
        #expect(try ModelDescription(of: model).leftOutWarning == nil)
    }
}
