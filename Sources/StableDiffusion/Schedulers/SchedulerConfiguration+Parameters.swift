// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

extension SchedulerConfiguration {
    /// Classes that are not implemented here but whose files work with any other sampling method,
    /// as diffusers exchanges its `KarrasDiffusionSchedulers`.
    private static let compatibleClassNames = [
        "DDPMScheduler", "DEISMultistepScheduler", "DPMSolverSDEScheduler",
        "DPMSolverSinglestepScheduler", "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler",
    ]

    /// All class names allowed in a `scheduler_config.json`.
    static let knownClassNames =
        SamplingMethod.allCases.map(\.traits.className) + compatibleClassNames

    /// Reads the file as one class does: its own keys with their values, its defaults for the
    /// others.
    ///
    /// diffusers' `from_config`, followed by the checks of the class's constructor.
    func parameters(
        for method: SamplingMethod
    ) throws(SchedulerError) -> SchedulerParameters {
        var result = SchedulerParameters(method: method)
        let traits = method.scheduler.traits
        try readTraining(&result, traits)
        result.prediction = try prediction(result, traits)
        result.spacing = try value(timestepSpacing, traits.spacing, "timestep_spacing")
        result.stepsOffset = stepsOffset ?? 0
        try check(result.stepsOffset, 0...result.trainTimesteps - 1, "steps_offset")
        if traits.sigmaChoice == .byFile { try readSigmas(&result, traits) }
        try readSample(&result, traits)
        try method.scheduler.readOwnKeys(of: self, into: &result)
        return result
    }

    private func readTraining(
        _ result: inout SchedulerParameters, _ traits: SchedulerTraits
    ) throws(SchedulerError) {
        result.trainTimesteps = numTrainTimesteps ?? 1000
        try check(result.trainTimesteps, 2...1_000_000, "num_train_timesteps")
        result.betaStart = betaStart ?? traits.betaStart
        result.betaEnd = betaEnd ?? traits.betaEnd
        result.betaSchedule = try value(betaSchedule, traits.betaSchedule, "beta_schedule")
        if result.betaSchedule == .exponential, !traits.allowsExponentialBetas {
            throw unsupported(result, "beta_schedule exp", "only HeunDiscreteScheduler reads it")
        }
        if let trainedBetas {
            guard trainedBetas.count == result.trainTimesteps else {
                throw .outOfRange(
                    key: "trained_betas", value: "a list of \(trainedBetas.count)",
                    allowed: "one number for each of \(result.trainTimesteps) training timesteps")
            }
            result.trainedBetas = trainedBetas
        }
        let betas = [result.betaStart, result.betaEnd] + (result.trainedBetas ?? [])
        if let odd = betas.first(where: { !(0...1).contains($0) }) {
            throw .outOfRange(key: "a beta", value: "\(odd)", allowed: "from 0 to 1")
        }
        if rescaleBetasZeroSNR ?? false { result.betaRescaling = traits.betaRescaling }
    }

    private func prediction(
        _ result: SchedulerParameters, _ traits: SchedulerTraits
    ) throws(SchedulerError) -> PredictionType {
        // Euler's own name for it.
        if predictionType == "original_sample", result.method == .euler { return .sample }
        let prediction = try value(predictionType, PredictionType.epsilon, "prediction_type")
        guard traits.predictions.contains(prediction) else {
            throw unsupported(
                result, "prediction_type \(prediction.rawValue)",
                "choose another --sampling-method, such as ddim")
        }
        return prediction
    }

    private func readSigmas(
        _ result: inout SchedulerParameters, _ traits: SchedulerTraits
    ) throws(SchedulerError) {
        let karras = useKarrasSigmas ?? false
        let exponential = useExponentialSigmas ?? false
        let beta = useBetaSigmas ?? false
        if (karras && exponential) || (karras && beta) || (exponential && beta) {
            let keys = "use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas"
            throw .malformedConfiguration(reason: "only one of \(keys) can be true")
        }
        if beta {
            throw unsupported(result, "use_beta_sigmas", "choose --scheduler karras or exponential")
        }
        result.sigmaSpacing = karras ? .karras : exponential ? .exponential : .timesteps
        // The limits also apply to classes whose constructors lack the keys.
        if traits.limitsKarrasSigmas || result.sigmaSpacing == .exponential {
            result.sigmaMin = sigmaMin
            result.sigmaMax = sigmaMax
            for (key, sigma) in [("sigma_min", sigmaMin), ("sigma_max", sigmaMax)] {
                if let sigma, sigma <= 0 {
                    throw .outOfRange(key: key, value: "\(sigma)", allowed: "above 0")
                }
            }
        }
        if traits.readsFinalSigmas {
            result.finalSigmas = try value(finalSigmasType, .zero, "final_sigmas_type")
        }
    }

    private func readSample(
        _ result: inout SchedulerParameters, _ traits: SchedulerTraits
    ) throws(SchedulerError) {
        result.setAlphaToOne = setAlphaToOne ?? traits.setsAlphaToOne
        if let clipsSample = traits.clipsSample, clipSample ?? clipsSample {
            result.clipSampleRange = Float(clipSampleRange ?? 1)
        }
        guard traits.readsThresholding, thresholding ?? false else { return }
        let ratio = dynamicThresholdingRatio ?? 0.995
        guard (0...1).contains(ratio) else {
            throw .outOfRange(
                key: "dynamic_thresholding_ratio", value: "\(ratio)", allowed: "from 0 to 1")
        }
        result.thresholding = DynamicThresholding(
            ratio: Float(ratio), sampleMax: Float(sampleMaxValue ?? 1))
    }

    /// Reads the keys of models distilled at a few timesteps: LCM and TCD.
    func readDistillation(_ result: inout SchedulerParameters) throws(SchedulerError) {
        result.originalInferenceSteps = originalInferenceSteps ?? 50
        try check(
            result.originalInferenceSteps, 1...result.trainTimesteps, "original_inference_steps")
    }

    /// Reads the keys shared by DPM-Solver and UniPC.
    func readSolver(_ result: inout SchedulerParameters) throws(SchedulerError) {
        result.solver.order = solverOrder ?? 2
        result.solver.lowerOrderFinal = lowerOrderFinal ?? true
        try check(result.solver.order, 1...3, "solver_order")
        if (useFlowSigmas ?? false) || predictionType == "flow_prediction" {
            throw unsupported(
                result, "flow matching", "it is not what Stable Diffusion 1 and 2 use")
        }
        if useDynamicShifting ?? false {
            throw unsupported(
                result, "use_dynamic_shifting", "it is not what Stable Diffusion 1 and 2 use")
        }
    }

    /// A choice by its name in the file, or the default if the file has none.
    func value<Value: RawRepresentable<String> & CaseIterable>(
        _ text: String?, _ otherwise: Value, _ key: String
    ) throws(SchedulerError) -> Value {
        guard let text else { return otherwise }
        guard let value = Value(rawValue: text) else {
            throw .unknownValue(key: key, value: text, known: Value.allCases.map(\.rawValue))
        }
        return value
    }

    func check(
        _ value: Int, _ range: ClosedRange<Int>, _ key: String
    ) throws(SchedulerError) {
        guard range.contains(value) else {
            throw .outOfRange(
                key: key, value: "\(value)",
                allowed: "from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func unsupported(
        _ parameters: SchedulerParameters, _ setting: String, _ advice: String
    ) -> SchedulerError {
        .unsupported(
            scheduler: parameters.className, setting: setting, advice: advice)
    }
}

extension SchedulerParameters {
    /// Replaces the file's spacing of noise levels by the requested one.
    mutating func apply(_ schedule: SigmaSchedule) throws(SchedulerError) {
        guard schedule != .modelDefault else { return }
        let traits = method.scheduler.traits
        if schedule == .sgmUniform, !traits.hasDistilledTimesteps {
            sigmaSpacing = .timesteps
            spacing = .trailing
            return
        }
        guard traits.sigmaChoice != .none else {
            throw .unsupported(
                scheduler: className, setting: "--scheduler \(schedule.rawValue)",
                advice: traits.hasDistilledTimesteps
                    ? "its timesteps are those it was distilled at; choose --scheduler default"
                    : "it has no sigmas; choose --scheduler default or sgm_uniform")
        }
        sigmaSpacing = schedule == .karras ? .karras : .exponential
        if !traits.limitsKarrasSigmas, schedule == .karras { (sigmaMin, sigmaMax) = (nil, nil) }
    }
}
