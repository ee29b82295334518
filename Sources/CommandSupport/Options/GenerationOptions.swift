// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import GenerationTypes
package import Requests
package import StableDiffusion

/// What every picture of a run is like, unless its prompt says otherwise.
package struct GenerationOptions: ParsableArguments {
    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("What the pictures must not show.", valueName: "text"))
    package var negativePrompt: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Seed of image 0; image i has seed + i; -1 is random (default: random).",
            valueName: "number"))
    package var seed: String?

    @Option(
        name: [.customShort("b"), .long],
        help: ArgumentHelp("Images per prompt (default: 1).", valueName: "count"))
    package var batchCount: Int?

    @Option(
        help: ArgumentHelp(
            "Denoising steps (default: the model's, else \(ModelRecipe().inferenceStepCount)).",
            valueName: "count"))
    package var steps: Int?

    @Option(
        help: ArgumentHelp(
            """
            Guidance: how closely to follow the prompt; 1 turns it off and halves the time \
            (default: the model's, else \(ModelRecipe().guidanceScale)).
            """, valueName: "scale"))
    package var cfgScale: Float?

    @Option(
        help: ArgumentHelp(
            """
            How far guidance gets the contrast of an unguided picture back; 0.7 suits models with \
            v-prediction and zero terminal SNR (default: 0).
            """, valueName: "0…1"))
    package var guidanceRescale: Float?

    @Option(
        name: [.customShort("W"), .long],
        help: ArgumentHelp("Picture width (default: the model's).", valueName: "pixels"))
    package var width: Int?

    @Option(
        name: [.customShort("H"), .long],
        help: ArgumentHelp("Picture height (default: the model's).", valueName: "pixels"))
    package var height: Int?

    @Option(
        help: ArgumentHelp(
            """
            Sampler: one of \(SamplerName.samplerChoices) (default: the model's, else \
            \(ModelRecipe().samplingMethod.rawValue)).
            """, valueName: "name"))
    package var samplingMethod: String?

    @Option(
        help: ArgumentHelp(
            """
            Spacing of the noise levels: one of \(SamplerName.scheduleChoices) (default: the \
            model's).
            """, valueName: "name"))
    package var scheduler: String?

    @Option(
        help: ArgumentHelp(
            "Share of fresh noise per step: \(SamplerName.etaDefaults); 0 is deterministic.",
            valueName: "0…1"))
    package var eta: Float?

    @Option(
        help: ArgumentHelp(
            """
            Call the U-Net in one of so many steps after the first five and forecast its output in \
            the others, not with Karras' spacing: 2 takes about 0.65 of the time, 3 half of it \
            (default: 1, every step).
            """, valueName: "1…\(GenerationLimits.forecastIntervalMax)"))
    package var forecast: Int?

    @Option(
        help: ArgumentHelp(
            "Text encoder layers to stop before the end, as A1111 counts: 1 skips none (default: 1).",
            valueName: "1…12"))
    package var clipSkip: Int?

    package init() {}

    package mutating func validate() throws {
        guard seedChoice != nil else {
            throw ValidationError("--seed \(seed ?? ""): a whole number up to \(UInt64.max)")
        }
        guard (1...GenerationLimits.imageCountMax).contains(imagesPerPrompt) else {
            throw ValidationError(
                "--batch-count \(imagesPerPrompt): choose from 1 to \(GenerationLimits.imageCountMax)"
            )
        }
        if let samplingMethod, SamplerName(samplingMethod) == nil {
            throw ValidationError(
                "--sampling-method \(samplingMethod): choose \(SamplerName.samplerChoices)")
        }
        if let scheduler, SamplerName.sigmaSchedule(scheduler) == nil {
            throw ValidationError("--scheduler \(scheduler): choose \(SamplerName.scheduleChoices)")
        }
    }

    /// How many images each prompt gets.
    package var imagesPerPrompt: Int { batchCount ?? 1 }

    /// Which seed image 0 gets; `nil` for a text that is none.
    package var seedChoice: SeedChoice? {
        guard let seed else { return .random }
        return SeedChoice(seed)
    }

    /// The spacing that was asked for: where no option says it, as a part of the sampler's name
    /// ("DPM++ 2M Karras").
    private var givenSchedule: SigmaSchedule? {
        scheduler.flatMap(SamplerName.sigmaSchedule)
            ?? samplingMethod.flatMap { SamplerName($0) }?.sigmaSchedule
    }

    /// What prompts leave open, for a model of this default size and recipe.
    ///
    /// - Parameter forecastIfSound: the profile's steps per call of the U-Net.
    package func settings(
        defaultWidth: Int, defaultHeight: Int, recipe: ModelRecipe,
        tokenMerging: TokenMergeConfiguration, forecastIfSound: Int? = nil
    ) -> GenerationSettings {
        var settings = GenerationSettings(
            width: width ?? defaultWidth, height: height ?? defaultHeight)
        settings.negativePrompt = negativePrompt
        settings.inferenceStepCount = steps ?? recipe.inferenceStepCount
        settings.guidanceScale = cfgScale ?? recipe.guidanceScale
        settings.guidanceRescale = guidanceRescale
        let sampler = samplingMethod.flatMap { SamplerName($0) }
        settings.samplingMethod = sampler?.samplingMethod ?? recipe.samplingMethod
        // The recipe's belongs to its sampler.
        settings.sigmaSchedule =
            givenSchedule ?? (sampler == nil ? recipe.sigmaSchedule : .modelDefault)
        settings.eta = eta
        settings.forecastInterval = forecast
        settings.forecastIfSound = forecastIfSound
        settings.clipSkip = clipSkip
        settings.tokenMerging = tokenMerging
        return settings
    }

    typealias Given = (
        flag: String, asked: String, value: (GenerationRequest) -> String
    )

    /// The options of a request that were given, and the same of a request.
    var given: [Given] {
        var given: [Given] = []
        func add<Value>(
            _ flag: String, _ asked: Value?, _ value: @escaping (GenerationRequest) -> Value
        ) {
            if let asked { given.append((flag, "\(asked)", { "\(value($0))" })) }
        }
        add("--negative-prompt", negativePrompt, \.negativePrompt)
        add("--steps", steps, \.inferenceStepCount)
        add("--cfg-scale", cfgScale, \.guidanceScale)
        add("--guidance-rescale", guidanceRescale, \.guidanceRescale)
        add("--forecast", forecast, \.forecastInterval)
        add("--width", width, \.width)
        add("--height", height, \.height)
        let sampler = samplingMethod.flatMap { SamplerName($0) }
        add("--sampling-method", sampler?.samplingMethod.rawValue, \.samplingMethod.rawValue)
        add("--scheduler", givenSchedule?.rawValue, \.sigmaSchedule.rawValue)
        add("--eta", eta, \.eta)
        add("--clip-skip", clipSkip) { $0.clipSkip ?? 1 }
        return given
    }
}
