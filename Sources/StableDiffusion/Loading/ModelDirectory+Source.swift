// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SafeTensors

extension ModelDirectory: ModelSource {
    package var indexPath: String { "\(path)/model_index.json" }

    package func index() throws -> ModelIndex? {
        guard FileManager.default.fileExists(atPath: indexPath) else { return nil }
        return try configuration(ModelIndex.self, path: indexPath)
    }

    package func defaults() throws -> ModelDefaults? {
        guard holds(ModelDefaults.fileName) else { return nil }
        let file = "\(path)/\(ModelDefaults.fileName)"
        do throws(ConfigurationError) {
            return try configuration(ModelDefaults.self, path: file)
        } catch {
            guard case .notReadable(let reason) = error.problem else { throw error }
            // Nobody can download it again: somebody wrote it.
            throw ConfigurationError(path: file, problem: .unusableSettings(reason))
        }
    }

    package func unetConfiguration() throws -> UNetConfiguration {
        try configuration(of: .unet)
    }

    package func textEncoderConfiguration() throws -> TextEncoderConfiguration {
        try configuration(of: .textEncoder)
    }

    package func vaeConfiguration() throws -> VAEConfiguration {
        try configuration(of: .vae)
    }

    package func autoencoderConfiguration() throws -> AutoencoderConfiguration {
        try configuration(of: .vae)
    }

    private func configuration<Configuration: ComponentConfiguration>(
        of component: ModelComponent
    ) throws -> Configuration {
        try configuration(Configuration.self, component: component.rawValue)
    }

    package func configurationPath(of component: ModelComponent) throws -> String {
        "\(try self.component(component.rawValue))/config.json"
    }

    /// - Throws: `ConfigurationError`, `SchedulerFileError`.
    package func schedulerConfiguration() throws -> SchedulerConfiguration {
        let directory = try component("scheduler")
        let data = try files.read("\(directory)/scheduler_config.json")
        do throws(SchedulerError) {
            return try SchedulerConfiguration(json: data).correctedForStableDiffusion()
        } catch {
            throw SchedulerFileError(directory: directory, error: error)
        }
    }

    /// - Throws: `ConfigurationError`, `TokenizerError`.
    package func tokenizer() throws -> CLIPTokenizer {
        let directory = try component("tokenizer")
        // Before and after: what was read in between is what was noted.
        func note() throws(ConfigurationError) {
            for name in TokenizerFiles.all { try files.note("\(directory)/\(name)") }
        }
        try note()
        let tokenizer = try CLIPTokenizer(directory: URL(filePath: directory))
        try note()
        return tokenizer
    }

    /// - Throws: `ConfigurationError`, `SafeTensorsError`.
    package func weights(of component: ModelComponent) throws -> ComponentWeights {
        let checkpoint = try checkpoint(component)
        for (path, identity) in checkpoint.identities { try files.note(path, identity) }
        return ComponentWeights(checkpoint, mapping: component.name(ofKey:))
    }

    private func checkpoint(_ component: ModelComponent) throws -> Checkpoint {
        try Checkpoint(
            directory: try self.component(component.rawValue),
            baseName: component.weightsBaseName)
    }

    /// The files that are read when a part is loaded.
    ///
    /// Its configuration and its weights, with the U-Net the scheduler's configuration, with the
    /// text encoder the tokenizer. Files that happen to lie beside them don't count.
    package func digestParts(of component: ModelComponent) throws -> [DigestPart] {
        var paths = [try configurationPath(of: component)]
        switch component {
        case .unet: paths.append("\(try self.component("scheduler"))/scheduler_config.json")
        case .textEncoder:
            paths += try tokenizerFiles()
        case .vae: break
        }
        return (paths + (try checkpoint(component)).files).map(DigestPart.file)
    }

    /// The files that decide tokens.
    func tokenizerFiles() throws(ConfigurationError) -> [String] {
        let directory = try component("tokenizer")
        // Whether it is there decides which others are read.
        try files.note("\(directory)/\(TokenizerFiles.whole)")
        return TokenizerFiles.read(in: directory).map { "\(directory)/\($0)" }
    }
}
