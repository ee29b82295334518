// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SafeTensors

/// A model in one file, as people exchange them ("checkpoint"): U-Net, text encoder and mostly a VAE
/// under the names of the original code, or diffusers' parts with their directories as prefixes.
///
/// Everything but the values is known when it is made: what the file is, and the shape of its parts
/// by their keys. What published models have in common and no file says (heads, groups, noise
/// schedule, vocabulary) comes from their family, or from a directory of JSON files.
package struct SingleFileModel: Sendable {
    /// What stands beside the file.
    package struct Options: Sendable {
        /// CLIP's merges, for a file without a tokenizer.
        package var merges: String
        /// A directory with those of diffusers' JSON files that describe the model otherwise than
        /// its keys do.
        package var configuration: ModelDirectory?
        /// What the U-Net predicts, where the user says so.
        package var prediction: PredictionType?

        /// Nothing but the vocabulary.
        package init(merges: String) { self.merges = merges }
    }

    /// The file.
    package let path: String
    /// What its files were when this process first read them.
    package let files: ModelFileLedger
    /// What the U-Net predicts.
    package let prediction: PredictionType
    /// Whether the noise schedule ends in pure noise.
    let hasZeroTerminalSNR: Bool
    let unet: LDMUNet
    let textEncoder: SingleFileTextEncoder
    /// `nil` in a file without one.
    let vae: SingleFileVAE?
    let family: SingleFileFamily
    /// First parts of keys that belong to no part of the model, sorted.
    let leftOut: [String]
    let options: Options

    /// What the U-Net's keys begin with.
    static let unetPrefix = "model.diffusion_model."
    /// What they begin with where a file has diffusers' parts and their names in it.
    static let diffusersPrefix = "unet."

    /// Opens a file and looks at its keys.
    ///
    /// - Throws: `SingleFileError`, `SafeTensorsError`, `ConfigurationError`.
    package init(path: String, options: Options) throws {
        let files = options.configuration?.files ?? ModelFileLedger()
        let tensors = try Self.open(path, files).tensors
        do throws(SingleFileProblem) {
            unet = try Self.unet(in: tensors)
            guard let textEncoder = SingleFileTextEncoder(in: tensors) else {
                throw .otherKind(
                    "a checkpoint without its text encoder",
                    advice: "take the whole checkpoint, with text encoder and VAE")
            }
            self.textEncoder = textEncoder
            family = try Self.family(
                of: unet, isDescribed: options.configuration?.holds("unet/config.json") == true)
        } catch {
            throw SingleFileError(path: path, problem: error)
        }
        vae = SingleFileVAE(in: tensors)
        leftOut = Self.leftOut(tensors.keys)
        hasZeroTerminalSNR = tensors["ztsnr"] != nil
        prediction =
            try options.prediction
            ?? Self.prediction(besides: path, files)
            ?? Self.prediction(of: unet, family, isMarked: tensors["v_pred"] != nil)
        self.path = path
        self.files = files
        self.options = options
    }

    /// Tensors in a file at most, above any model with its moving averages; keys are compared with
    /// many marks.
    private static let tensorCountMax = 100_000

    /// Opens a safetensors file that is used in one piece.
    ///
    /// - Parameter headerByteCountMax: longest header to read.
    /// - Throws: `SingleFileError` for other formats; `SafeTensorsError`, `ConfigurationError`.
    static func open(
        _ path: String, _ files: ModelFileLedger,
        headerByteCountMax: Int = SafeTensorsHeader.byteCountMax
    ) throws -> SafeTensorsFile {
        if let problem = try otherFormat(path) {
            throw SingleFileError(path: path, problem: problem)
        }
        let file = try SafeTensorsFile(path: path, headerByteCountMax: headerByteCountMax)
        try files.note(path, file.identity)
        guard file.tensorCount <= tensorCountMax else {
            throw SingleFileError(
                path: path,
                problem: .otherKind(
                    "no model: it has \(file.tensorCount) tensors",
                    advice: "no model has more than \(tensorCountMax)"))
        }
        return file
    }

    /// What else a file is by its name or its first bytes.
    private static func otherFormat(_ path: String) throws(SafeTensorsError) -> SingleFileProblem? {
        let file = try SteadyFile(path: path)
        let beginning = try file.bytes(0..<min(4, file.byteCount))
        let name = path.lowercased()
        if beginning.starts(with: Array("GGUF".utf8)) || name.hasSuffix(".gguf") { return .gguf }
        // PyTorch writes pickles into a zip archive, and wrote them bare, behind a number, before
        // 1.6. As the length of a safetensors header they would stand for 67 and 177 MB.
        let isPickle =
            beginning == [0x50, 0x4B, 0x03, 0x04] || beginning == [0x80, 0x02, 0x8A, 0x0A]
        let names = [".ckpt", ".pt", ".pth", ".bin"]
        return isPickle || names.contains(where: name.hasSuffix) ? .pickle : nil
    }

    private static func unet(
        in tensors: [String: StoredTensor]
    ) throws(SingleFileProblem) -> LDMUNet {
        func part(_ prefix: String) -> [String: StoredTensor] {
            var part: [String: StoredTensor] = [:]
            for (key, tensor) in tensors where key.hasPrefix(prefix) {
                part[String(key.dropFirst(prefix.count))] = tensor
            }
            return part
        }
        let hasOriginal = tensors.keys.contains { $0.hasPrefix(unetPrefix + "input_blocks.") }
        guard hasOriginal || tensors[diffusersPrefix + "conv_in.weight"] != nil else {
            throw OtherKind.of(tensors.keys)
        }
        if let other = OtherKind.besideUNet(tensors.keys) { throw other }
        let own = part(hasOriginal ? unetPrefix : diffusersPrefix)
        try OtherKind.check(own)
        return hasOriginal ? try LDMUNet(own) : try LDMUNet(diffusers: own)
    }

    /// - Parameter isDescribed: whether a directory says what a family would.
    private static func family(
        of unet: LDMUNet, isDescribed: Bool
    ) throws(SingleFileProblem) -> SingleFileFamily {
        guard let width = unet.textWidth else {
            throw .blocks(reason: "none of them reads text (attn2.to_k)")
        }
        if let family = SingleFileFamily(textWidth: width) { return family }
        guard isDescribed else { throw .textWidth(width) }
        return .stableDiffusion1
    }
}

extension SingleFileModel {
    /// What a file holds besides the model's parts and is known to do nothing here: moving averages
    /// of the weights, tables that follow from the noise schedule, marks.
    private static let ignoredPrefixes = [
        "model_ema.", "betas", "alphas_cumprod", "sqrt_", "log_one_minus_", "posterior_",
        "lvlb_weights", "logvar", "denoiser.", "v_pred", "ztsnr", "scaled_fp8",
        "cond_stage_model.logit_scale", "cond_stage_model.text_projection",
    ]

    private static func leftOut(_ keys: some Collection<String>) -> [String] {
        let known =
            [unetPrefix, diffusersPrefix, "first_stage_model.", "vae."] + ignoredPrefixes
            + SingleFileTextEncoder.prefixes.map(\.prefix)
        let others = keys.filter { key in !known.contains { key.hasPrefix($0) } }
        return Set(others.map { String($0.prefix { $0 != "." }) }).sorted()
    }
}
