// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes
import SafeTensors

extension SingleFileModel: ModelSource {
    package var indexPath: String { options.configuration?.indexPath ?? path }

    package func index() throws -> ModelIndex? {
        if let index = try options.configuration?.index() { return index }
        return ModelIndex(
            unet.isGuidanceDistilled ? .latentConsistency : .stableDiffusion, leftOut: leftOut)
    }

    package func defaults() throws -> ModelDefaults? { try options.configuration?.defaults() }

    package func unetConfiguration() throws -> UNetConfiguration {
        if let described = describedPart(.unet) { return try described.unetConfiguration() }
        do throws(SingleFileProblem) {
            return try validated(
                try unet.configuration(family, sampleSize: family.sampleSize(prediction)))
        } catch {
            throw SingleFileError(path: path, problem: error)
        }
    }

    package func textEncoderConfiguration() throws -> TextEncoderConfiguration {
        if let described = describedPart(.textEncoder) {
            return try described.textEncoderConfiguration()
        }
        return try validated(textEncoder.configuration(width: unet.textWidth ?? 0))
    }

    package func vaeConfiguration() throws -> VAEConfiguration {
        let vae = try requireVAE()
        if let described = describedPart(.vae) { return try described.vaeConfiguration() }
        return try validated(vae.configuration(sampleSide: 8 * family.sampleSize(prediction)))
    }

    private func validated<Configuration: ComponentConfiguration>(
        _ configuration: Configuration
    ) throws(SingleFileProblem) -> Configuration {
        do throws(ConfigurationProblem) {
            try configuration.validate()
            return configuration
        } catch {
            throw .shape("\(error)")
        }
    }

    private func requireVAE() throws(SingleFileError) -> SingleFileVAE {
        guard let vae else { throw SingleFileError(path: path, problem: .noVAE) }
        return vae
    }

    /// The published models' noise schedule, unless a directory says otherwise.
    package func schedulerConfiguration() throws -> SchedulerConfiguration {
        if let described = options.configuration, described.holds("scheduler") {
            var configuration = try described.schedulerConfiguration()
            if let prediction = options.prediction {
                configuration.predictionType = prediction.rawValue
            }
            return configuration
        }
        var configuration = SchedulerConfiguration(.pndm)
        configuration.betaStart = 0.00085
        configuration.betaEnd = 0.012
        configuration.betaSchedule = "scaled_linear"
        configuration.numTrainTimesteps = 1000
        configuration.setAlphaToOne = false
        configuration.skipPRKSteps = true
        configuration.predictionType = prediction.rawValue
        if hasZeroTerminalSNR { configuration.rescaleBetasZeroSNR = true }
        return configuration.correctedForStableDiffusion()
    }

    /// The directory's tokenizer where it has one, else CLIP's.
    package func tokenizer() throws -> CLIPTokenizer {
        if let described = options.configuration, described.holds("tokenizer") {
            return try described.tokenizer()
        }
        try files.note(options.merges)
        let tokenizer = try CLIPTokenizer(
            merges: URL(filePath: options.merges),
            padding: textEncoder.isOpenCLIP(width: unet.textWidth ?? 0)
                ? .exclamationMark : .endOfText)
        try files.note(options.merges)
        return tokenizer
    }

    package func configurationPath(of component: ModelComponent) throws -> String {
        try describedPart(component)?.configurationPath(of: component) ?? path
    }

    package func weights(of component: ModelComponent) throws -> ComponentWeights {
        let fitting =
            describedPart(component) == nil
            ? "the shape that its other keys describe" : try configurationPath(of: component)
        let weights: [(name: String, source: any WeightSource)] =
            switch component {
            case .unet: unet.weights
            case .textEncoder: textEncoder.weights
            case .vae: try requireVAE().weights
            }
        return ComponentWeights(path: path, fitting: fitting, weights)
    }

    /// The U-Net and the VAE are known by the file's own digest, as A1111 knows a checkpoint.
    ///
    /// What decides pictures besides stands with the text encoder: vocabulary, noise schedule,
    /// prediction, and configurations that are not the file's.
    package func digestParts(of component: ModelComponent) throws -> [DigestPart] {
        guard component == .textEncoder else { return [.file(path)] }
        var parts = [DigestPart.file(path)]
        if let described = options.configuration {
            parts += try ModelComponent.allCases.filter { describedPart($0) != nil }.map {
                .file(try described.configurationPath(of: $0))
            }
        }
        if let described = options.configuration, described.holds("tokenizer") {
            parts += try described.tokenizerFiles().map(DigestPart.file)
        } else {
            parts.append(.file(options.merges))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let schedule = try encoder.encode(try schedulerConfiguration())
        return parts + [.text(String(decoding: schedule, as: UTF8.self))]
    }

    /// The directory that describes a part; `nil` where the file does.
    private func describedPart(_ component: ModelComponent) -> ModelDirectory? {
        guard let directory = options.configuration,
            directory.holds("\(component.rawValue)/config.json")
        else { return nil }
        return directory
    }
}
