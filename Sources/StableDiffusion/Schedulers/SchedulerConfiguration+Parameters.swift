// SPDX-License-Identifier: Apache-2.0

internal import GenerationTypes

extension SchedulerConfiguration {
    /// Reads the file as one class does: its own keys with their values, its defaults for the rest.
    ///
    /// diffusers' `from_config`, followed by the checks of the class's constructor.
    func parameters(
        for schedulerClass: SchedulerClass
    ) throws(SchedulerError) -> SchedulerParameters {
        var result = SchedulerParameters(schedulerClass: schedulerClass)
        try readTraining(&result)
        try readTimesteps(&result)
        if Self.sigmaSpaced.contains(schedulerClass) { try readSigmas(&result) }
        try readSample(&result)
        switch schedulerClass {
        case .dpmSolverMultistep: try readDPMSolver(&result)
        case .uniPC: try readUniPC(&result)
        case .lcm:
            result.originalInferenceSteps = originalInferenceSteps ?? 50
            result.timestepScaling = Float(timestepScaling ?? 10)
            try check(
                result.originalInferenceSteps, 1...result.trainTimesteps,
                "original_inference_steps")
        case .pndm: result.skipPRKSteps = skipPRKSteps ?? false
        default: break
        }
        return result
    }

    /// Classes with a choice of sigmas; ancestral Euler has none in diffusers, but takes one here.
    private static let sigmaSpaced: Set<SchedulerClass> = [
        .euler, .lms, .heun, .dpmSolverMultistep, .uniPC,
    ]

    private func readTraining(_ result: inout SchedulerParameters) throws(SchedulerError) {
        let schedulerClass = result.schedulerClass
        let latent = schedulerClass == .heun || schedulerClass == .lcm
        result.trainTimesteps = numTrainTimesteps ?? 1000
        try check(result.trainTimesteps, 2...1_000_000, "num_train_timesteps")
        result.betaStart = betaStart ?? (latent ? 0.00085 : 0.0001)
        result.betaEnd = betaEnd ?? (latent ? 0.012 : 0.02)
        let schedule: BetaSchedule = schedulerClass == .lcm ? .scaledLinear : .linear
        result.betaSchedule = try value(betaSchedule, schedule, "beta_schedule")
        if result.betaSchedule == .exponential, schedulerClass != .heun {
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
        let rescales: Set<SchedulerClass> = [
            .ddim, .euler, .eulerAncestral, .dpmSolverMultistep, .uniPC, .lcm,
        ]
        result.rescaleBetasZeroSNR =
            rescales.contains(schedulerClass) && (rescaleBetasZeroSNR ?? false)
        try readPrediction(&result)
    }

    private func readPrediction(_ result: inout SchedulerParameters) throws(SchedulerError) {
        if predictionType == "original_sample", result.schedulerClass == .euler {
            result.prediction = .sample
            return
        }
        result.prediction = try value(predictionType, .epsilon, "prediction_type")
        let lacksSample = result.schedulerClass == .pndm || result.schedulerClass == .eulerAncestral
        if lacksSample, result.prediction == .sample {
            throw unsupported(
                result, "prediction_type sample", "choose another --sampling-method, such as ddim")
        }
    }

    private func readTimesteps(_ result: inout SchedulerParameters) throws(SchedulerError) {
        let leads: Set<SchedulerClass> = [.ddim, .pndm, .lcm]
        let spacing: TimestepSpacing = leads.contains(result.schedulerClass) ? .leading : .linspace
        result.spacing = try value(timestepSpacing, spacing, "timestep_spacing")
        result.stepsOffset = stepsOffset ?? 0
        try check(result.stepsOffset, 0...result.trainTimesteps - 1, "steps_offset")
    }

    private func readSigmas(_ result: inout SchedulerParameters) throws(SchedulerError) {
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
        let luLambdas = result.schedulerClass == .dpmSolverMultistep && (useLuLambdas ?? false)
        result.sigmaSpacing =
            karras ? .karras : luLambdas ? .lu : exponential ? .exponential : .timesteps
        // diffusers' LMS does not look at the limits for Karras sigmas; the others do, even those
        // whose constructors lack the keys.
        if result.schedulerClass != .lms || result.sigmaSpacing == .exponential {
            result.sigmaMin = sigmaMin
            result.sigmaMax = sigmaMax
            for (key, sigma) in [("sigma_min", sigmaMin), ("sigma_max", sigmaMax)] {
                if let sigma, sigma <= 0 {
                    throw .outOfRange(key: key, value: "\(sigma)", allowed: "above 0")
                }
            }
        }
        if [.euler, .dpmSolverMultistep, .uniPC].contains(result.schedulerClass) {
            result.finalSigmas = try value(finalSigmasType, .zero, "final_sigmas_type")
        }
        guard result.schedulerClass == .euler else { return }
        result.interpolation = try value(interpolationType, .linear, "interpolation_type")
        if let timestepType, !["discrete", "continuous"].contains(timestepType) {
            throw .unknownValue(
                key: "timestep_type", value: timestepType, known: ["discrete", "continuous"])
        }
        result.usesContinuousTimesteps =
            timestepType == "continuous" && result.prediction == .vPrediction
    }

    private func readSample(_ result: inout SchedulerParameters) throws(SchedulerError) {
        let schedulerClass = result.schedulerClass
        result.setAlphaToOne = setAlphaToOne ?? (schedulerClass != .pndm)
        let clips: Set<SchedulerClass> = [.ddim, .heun, .lcm]
        if clips.contains(schedulerClass), clipSample ?? (schedulerClass == .ddim) {
            result.clipSampleRange = Float(clipSampleRange ?? 1)
        }
        let thresholds: Set<SchedulerClass> = [.ddim, .dpmSolverMultistep, .uniPC, .lcm]
        guard thresholds.contains(schedulerClass), thresholding ?? false else { return }
        let ratio = dynamicThresholdingRatio ?? 0.995
        guard (0...1).contains(ratio) else {
            throw .outOfRange(
                key: "dynamic_thresholding_ratio", value: "\(ratio)", allowed: "from 0 to 1")
        }
        result.thresholding = DynamicThresholding(
            ratio: Float(ratio), sampleMax: Float(sampleMaxValue ?? 1))
    }

    private func readSolver(_ result: inout SchedulerParameters) throws(SchedulerError) {
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

    private func readDPMSolver(_ result: inout SchedulerParameters) throws(SchedulerError) {
        try readSolver(&result)
        let algorithm = algorithmType == "deis" ? "dpmsolver++" : algorithmType
        result.solver.algorithm = try value(algorithm, .dpmSolverPlusPlus, "algorithm_type")
        let type = solverType ?? "midpoint"
        guard ["midpoint", "heun", "logrho", "bh1", "bh2"].contains(type) else {
            throw .unknownValue(key: "solver_type", value: type, known: ["midpoint", "heun"])
        }
        result.solver.usesHeun = type == "heun"
        result.solver.eulerAtFinal = eulerAtFinal ?? false
        result.solver.lambdaMinClipped = lambdaMinClipped ?? -.infinity
        if let varianceType, ["learned", "learned_range"].contains(varianceType) {
            throw unsupported(
                result, "variance_type \(varianceType)",
                "only networks that predict noise alone can be sampled")
        }
        if !result.solver.algorithm.predictsData, result.finalSigmas == .zero {
            let algorithm = result.solver.algorithm.rawValue
            throw unsupported(
                result, "algorithm_type \(algorithm) and a last sigma of zero",
                "set final_sigmas_type to sigma_min or algorithm_type to dpmsolver++")
        }
        if result.solver.algorithm == .sdeDPMSolver, result.solver.order == 3 {
            throw unsupported(
                result, "algorithm_type sde-dpmsolver at order 3", "set solver_order to 2")
        }
    }

    private func readUniPC(_ result: inout SchedulerParameters) throws(SchedulerError) {
        try readSolver(&result)
        let type = solverType ?? "bh2"
        guard ["bh1", "bh2", "midpoint", "heun", "logrho"].contains(type) else {
            throw .unknownValue(key: "solver_type", value: type, known: ["bh1", "bh2"])
        }
        result.solver.usesBH1 = type == "bh1"
        result.solver.predictsX0 = predictX0 ?? true
        result.solver.disableCorrector = disableCorrector ?? []
        if !result.solver.predictsX0, result.finalSigmas == .zero {
            throw unsupported(
                result, "predict_x0 false and a last sigma of zero",
                "set final_sigmas_type to sigma_min")
        }
    }

    private func value<Value: RawRepresentable<String> & CaseIterable>(
        _ text: String?, _ otherwise: Value, _ key: String
    ) throws(SchedulerError) -> Value {
        guard let text else { return otherwise }
        guard let value = Value(rawValue: text) else {
            throw .unknownValue(key: key, value: text, known: Value.allCases.map(\.rawValue))
        }
        return value
    }

    private func check(
        _ value: Int, _ range: ClosedRange<Int>, _ key: String
    ) throws(SchedulerError) {
        guard range.contains(value) else {
            throw .outOfRange(
                key: key, value: "\(value)",
                allowed: "from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private func unsupported(
        _ parameters: SchedulerParameters, _ setting: String, _ advice: String
    ) -> SchedulerError {
        .unsupported(
            scheduler: parameters.schedulerClass.rawValue, setting: setting, advice: advice)
    }
}

extension SchedulerParameters {
    /// Replaces the file's spacing of noise levels by the one that was asked for.
    mutating func apply(_ schedule: SigmaSchedule) throws(SchedulerError) {
        guard schedule != .modelDefault else { return }
        let hasSigmas: Bool
        switch schedulerClass {
        case .ddim, .pndm, .lcm: hasSigmas = false
        default: hasSigmas = true
        }
        if schedule == .sgmUniform, schedulerClass != .lcm {
            sigmaSpacing = .timesteps
            spacing = .trailing
            return
        }
        guard hasSigmas else {
            throw .unsupported(
                scheduler: schedulerClass.rawValue, setting: "--scheduler \(schedule.rawValue)",
                advice: schedulerClass == .lcm
                    ? "its timesteps are those it was distilled at; choose --scheduler default"
                    : "it has no sigmas; choose --scheduler default or sgm_uniform")
        }
        sigmaSpacing = schedule == .karras ? .karras : .exponential
        if schedulerClass == .lms, schedule == .karras { (sigmaMin, sigmaMax) = (nil, nil) }
    }
}
