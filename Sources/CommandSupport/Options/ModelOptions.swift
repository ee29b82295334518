// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import EmbeddedModel
import Foundation
import ProcessSupport
package import Requests
package import StableDiffusion

/// Which model to load.
package struct ModelOptions: ParsableArguments, Sendable {
    @Option(
        name: [.customShort("m"), .long],
        help: ArgumentHelp(
            """
            Stable Diffusion 1.x or 2.x: a .safetensors checkpoint, or a directory in the \
            diffusers layout (default: the embedded model).
            """, valueName: "path"))
    package var model: String?

    @Option(
        help: ArgumentHelp(
            "Look --model up by name in this directory; retom-coord models lists it.",
            valueName: "directory"))
    package var modelDir: String?

    @Option(
        help: ArgumentHelp(
            "Take the VAE from this .safetensors file instead of the model's.", valueName: "file"))
    package var vae: String?

    @Option(
        help: ArgumentHelp(
            """
            Decode with TAESD, many times faster and softer than the model's VAE: \
            taesd_decoder.safetensors, or the weights of a diffusers AutoencoderTiny.
            """, valueName: "file"))
    package var taesd: String?

    @Option(
        help: ArgumentHelp(
            """
            JSON files in the diffusers layout that describe a checkpoint of another shape than \
            the published models have.
            """, valueName: "directory"))
    package var modelConfig: String?

    @Option(
        help: ArgumentHelp(
            """
            What a checkpoint predicts, where it is not recognised: \
            \(PredictionType.allCases.map(\.rawValue).joined(separator: ", ")).
            """, valueName: "type"))
    package var prediction: PredictionType?

    @Option(
        help: ArgumentHelp(
            """
            Merge a LoRA into the model: NAME, NAME:weight, or NAME:weight:unet-weight; give it \
            again for more.
            """, valueName: "name"))
    package var lora: [String] = []

    @Option(
        help: ArgumentHelp(
            "Look LoRAs up by name in this directory: those of --lora and <lora:NAME:weight>.",
            valueName: "directory"))
    package var loraModelDir: String?

    @Option(
        help: ArgumentHelp(
            """
            Textual inversions: each .safetensors file of this directory is used where a prompt \
            has its name.
            """, valueName: "directory"))
    package var embdDir: String?

    package init() {}

    /// Opens the chosen model; no weights are read.
    ///
    /// - Returns: the model, and the name that pictures and reports give it: that of its directory,
    ///   or of its file without `.safetensors`.
    /// - Throws: `ValidationError` for a path that can't be spelled, `EmbeddedModelError` when the
    ///   embedded model was left behind, `LoRATagError`, `AddOnFolderError`, and what
    ///   `ModelSelection.open` throws.
    package func open() throws -> (source: any ModelSource, name: String) {
        for (option, path) in paths where !path.hasPrefix("/") {
            guard SystemInfo.currentDirectoryIsText else {
                throw ValidationError(
                    """
                    \(option) \(path): the name of the current directory is not UTF-8 text, so \
                    the path can't be recorded; rename that directory
                    """)
            }
        }
        let place = try located().model
        var selection = ModelSelection(path: try place ?? EmbeddedModel.directory())
        selection.vae = vae
        selection.taesd = taesd
        selection.configuration = modelConfig
        selection.prediction = prediction
        selection.loras = try loraSelections()
        if let embdDir {
            selection.embeddings = try AddOnFolder(path: embdDir, .embedding).entries().map {
                EmbeddingSelection(name: $0.name, path: $0.path)
            }
        }
        let source = try selection.open(merges: EmbeddedModel.clipMerges)
        return (source, name)
    }

    /// The LoRAs, each once, in the directory that has them.
    private func loraSelections() throws -> [LoRASelection] {
        let tags = LoRATag.added(
            try lora.map { text throws(LoRATagError) in try LoRATag(parsing: text) })
        guard !tags.isEmpty else { return [] }
        guard let loraModelDir else {
            throw ValidationError(
                """
                \(tags[0].name): LoRAs are looked up by name; say with --lora-model-dir in which \
                directory
                """)
        }
        let folder = AddOnFolder(path: loraModelDir, .lora)
        return try tags.map { tag in
            LoRASelection(
                name: tag.name, path: try folder.path(of: tag.name), textWeight: tag.textWeight,
                unetWeight: tag.unetWeight)
        }
    }

    /// The same choice with the LoRAs that prompts name.
    ///
    /// - Throws: `PromptListError` where prompts name different ones.
    package func with(lorasOf entries: [PromptEntry]) throws(PromptListError) -> ModelOptions {
        var options = self
        options.lora += try PromptLoRAs.shared(entries).map(\.text)
        return options
    }

    private var name: String {
        guard let model else { return EmbeddedModel.name }
        let name = model.split(separator: "/").last.map(String.init) ?? model
        let suffix = ModelFolder.suffix
        return modelDir == nil && name.hasSuffix(suffix)
            ? String(name.dropLast(suffix.count)) : name
    }

    /// The same choice, with the path of a model that was named.
    ///
    /// - Throws: `ModelFolderError`.
    private func located() throws -> ModelOptions {
        guard let modelDir, let model else { return self }
        var options = self
        options.model = try ModelFolder(path: modelDir).path(of: model)
        options.modelDir = nil
        return options
    }
}

extension PredictionType: ExpressibleByArgument {
    /// Takes diffusers' names, and those of the original configurations.
    package init?(argument: String) {
        switch argument {
        case "v": self = .vPrediction
        case "eps": self = .epsilon
        case "x0": self = .sample
        default: self.init(rawValue: argument)
        }
    }
}

// A run keeps what it was begun with, for later sessions and for its workers.

extension ModelOptions {
    private var paths: [(option: String, path: String)] {
        [
            ("--model", model), ("--vae", vae), ("--taesd", taesd),
            ("--model-config", modelConfig), ("--lora-model-dir", loraModelDir),
            ("--embd-dir", embdDir),
        ].compactMap { option, path in path.map { (option, $0) } }
    }

    /// The same choice from wherever a program starts.
    ///
    /// - Throws: `ModelFolderError`.
    package func withAbsolutePaths() throws -> ModelOptions {
        func absolute(_ path: String?) -> String? { path.map { URL(fileURLWithPath: $0).path } }
        var options = try located()
        options.model = absolute(options.model)
        options.vae = absolute(vae)
        options.taesd = absolute(taesd)
        options.modelConfig = absolute(modelConfig)
        options.loraModelDir = absolute(loraModelDir)
        options.embdDir = absolute(embdDir)
        return options
    }

    /// The choice on a command line.
    package var arguments: [String] {
        paths.flatMap { [$0.option, $0.path] }
            + (prediction.map { ["--prediction", $0.rawValue] } ?? [])
            + lora.map { "--lora=\($0)" }
    }

    private static var settled: [(name: String, key: WritableKeyPath<ModelOptions, String?>)] {
        [
            ("vae", \.vae), ("taesd", \.taesd), ("model_config", \.modelConfig),
            ("prediction", \.predictionName), ("lora", \.loraNames),
            ("lora_model_dir", \.loraModelDir), ("embd_dir", \.embdDir),
        ]
    }

    /// One per line; a name may hold anything else.
    private var loraNames: String? {
        get { lora.isEmpty ? nil : lora.joined(separator: "\n") }
        set { lora = newValue?.split(separator: "\n").map(String.init) ?? [] }
    }

    private var predictionName: String? {
        get { prediction?.rawValue }
        set { prediction = newValue.flatMap(PredictionType.init(rawValue:)) }
    }

    /// The choices besides the model's path, for the database of a new run.
    package var settings: [String: String] {
        Dictionary(
            uniqueKeysWithValues: Self.settled.compactMap { name, key in
                self[keyPath: key].map { (name, $0) }
            })
    }

    /// Chooses what a run was begun with, where nothing else is asked for.
    ///
    /// - Parameters:
    ///   - path: of the run's model; `nil` for the embedded one.
    ///   - settings: of the run's database.
    package mutating func follow(path: String?, _ settings: [String: String]) {
        model = model ?? path
        for (name, key) in Self.settled {
            self[keyPath: key] = self[keyPath: key] ?? settings[name]
        }
    }
}
