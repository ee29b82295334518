// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A model's sampling defaults, for settings that the request leaves open, from its own files.
package struct ModelRecipe: Sendable, Equatable {
    /// What a model was trained or distilled for.
    package enum Kind: Sendable, Equatable, CaseIterable {
        /// Many steps with classifier-free guidance.
        case standard
        /// A few steps without guidance: Turbo, Lightning, Hyper-SD, merged LCM- and TCD-LoRAs.
        case fewSteps
        /// A few steps with the guidance scale as an input of the U-Net: Latent Consistency Models.
        case latentConsistency
    }

    /// What it was distilled for.
    package var kind = Kind.standard
    /// The sampler.
    package var samplingMethod = SamplingMethod.ddim
    /// How the sampler spaces noise levels, unless the model's scheduler file says.
    package var sigmaSchedule = SigmaSchedule.modelDefault
    /// Denoising steps.
    package var inferenceStepCount = 25
    /// Guidance scale.
    package var guidanceScale: Float = 7.5
    /// How the sampler picks timesteps, diffusers' `timestep_spacing`; `nil` for its own way.
    package var timestepSpacing: String?
    /// What the U-Net predicts, diffusers' `prediction_type`; `nil` for the noise.
    package var predictionType: String?

    /// The program's own defaults.
    package init() {}

    /// A model's, by what its files say.
    ///
    /// | files | sampler | steps | guidance |
    /// | --- | --- | ---: | ---: |
    /// | `LatentConsistencyModelPipeline`, or a U-Net with `time_cond_proj_dim` | LCM | 4 | 8.5 |
    /// | scheduler `LCMScheduler` or `TCDScheduler` | that | 4 | 1 |
    /// | scheduler Euler, Euler a or DDIM, `trailing`, no v-prediction, no zero SNR | that | 4 | 1 |
    /// | all others | the program's | | |
    ///
    /// Nothing else marks a distilled model: its weights have the shape of any other. Trailing
    /// timesteps with v-prediction or zero terminal SNR are those of models for many steps.
    ///
    /// What somebody wrote into the model's `retom.json` counts before all of these.
    package init(
        pipeline: ModelIndex.Pipeline, scheduler: SchedulerConfiguration? = nil,
        takesGuidance: Bool = false, defaults: ModelDefaults? = nil
    ) {
        timestepSpacing = scheduler?.timestepSpacing
        predictionType = scheduler?.predictionType
        if pipeline == .latentConsistency || takesGuidance {
            kind = .latentConsistency
            samplingMethod = .lcm
            inferenceStepCount = 4
            guidanceScale = 8.5
        } else if let method = scheduler?.distilledMethod {
            kind = .fewSteps
            samplingMethod = method
            inferenceStepCount = 4
            guidanceScale = 1
        }
        samplingMethod = defaults?.samplingMethod ?? samplingMethod
        sigmaSchedule = defaults?.sigmaSchedule ?? sigmaSchedule
        inferenceStepCount = defaults?.inferenceStepCount ?? inferenceStepCount
        guidanceScale = defaults?.guidanceScale ?? guidanceScale
    }

    /// The recipe in one line, for people and reports.
    package var summary: String {
        let sampler = [samplingMethod.displayName, sigmaSchedule.displayName].compactMap { $0 }
        var parts = [
            sampler.joined(separator: " "), "\(inferenceStepCount) steps",
            "guidance \(guidanceScale)",
        ]
        if let timestepSpacing { parts.append("\(timestepSpacing) timesteps") }
        if let predictionType { parts.append("predicts \(predictionType)") }
        return parts.joined(separator: ", ")
    }

    /// What to tell users of a model with a recipe of its own; `nil` for the program's.
    package var notice: String? {
        switch kind {
        case .standard: nil
        case .fewSteps: "the model is made for few steps without guidance: \(summary)"
        case .latentConsistency:
            "the model is made for few steps and takes the guidance scale as an input: \(summary)"
        }
    }
}

extension SchedulerConfiguration {
    /// The sampler of a model that was distilled to a few steps; `nil` where the file tells of none.
    fileprivate var distilledMethod: SamplingMethod? {
        switch SamplingMethod(className: className) {
        case .lcm: return .lcm
        case .tcd: return .tcd
        case .euler, .eulerAncestral, .ddim:
            let isTrailing = timestepSpacing == "trailing"
            let predictsNoise = predictionType != "v_prediction"
            let endsInNoise = rescaleBetasZeroSNR ?? false
            return isTrailing && predictsNoise && !endsInNoise
                ? SamplingMethod(className: className) : nil
        default: return nil
        }
    }
}

extension ModelRecipe {
    /// What to propose to users of a checkpoint whose name tells of few steps; `nil` for others.
    ///
    /// A name decides nothing: many that say so are ordinary models with a LoRA beside them.
    /// - Parameter path: of a model in one file, whose weights have no mark.
    package func proposal(forFile path: String) -> String? {
        let name = path.split(separator: "/").last.map { $0.lowercased() } ?? ""
        guard kind == .standard, name.hasSuffix(".safetensors") else { return nil }
        let marks = ["turbo", "lightning", "hyper", "lcm"]
        guard let mark = marks.first(where: { name.contains($0) }) else { return nil }
        let sampler =
            mark == "lcm"
            ? "--sampling-method lcm" : "--sampling-method euler --scheduler sgm_uniform"
        return """
            the name of \(path) suggests a model for few steps; if it is one, give \(sampler) \
            --steps 4 --cfg-scale 1
            """
    }

    /// Most steps of a distilled model that do no harm.
    static let fewStepsMax = 10
    /// Most guidance of a model that was distilled without.
    static let littleGuidanceMax: Float = 2

    /// What requests ask for that a distilled model was not made for, one sentence each.
    package func warnings(for requests: [GenerationRequest]) -> [String] {
        guard kind != .standard else { return [] }
        func sentence(
            _ isOdd: (GenerationRequest) -> Bool, _ what: String, _ remedy: String
        ) -> String? {
            let count = requests.count(where: isOdd)
            guard count > 0 else { return nil }
            let images = count == requests.count ? "images" : "\(count) of \(requests.count) images"
            return """
                \(images) ask for \(what), but the model was distilled to a few steps \
                (\(summary)); \(remedy)
                """
        }
        return [
            sentence(
                { $0.inferenceStepCount > Self.fewStepsMax },
                "more than \(Self.fewStepsMax) steps", "leave --steps out, or give 1 to 8"),
            kind == .fewSteps
                ? sentence(
                    { $0.guidanceScale > Self.littleGuidanceMax },
                    "guidance above \(Self.littleGuidanceMax)",
                    "leave --cfg-scale out, or give 1, which also halves the time") : nil,
            kind == .latentConsistency
                ? sentence(
                    { ![.lcm, .tcd].contains($0.samplingMethod) }, "another sampler than lcm",
                    "leave --sampling-method out") : nil,
        ].compactMap { $0 }
    }
}
