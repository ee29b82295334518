// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes

/// A published `scheduler_config.json`: the keys it holds, and nothing else.
///
/// An absent key stays absent, because its default depends on the class that reads it: diffusers'
/// `from_config` passes explicit keys to another class, which supplies its defaults for the rest.
package struct SchedulerConfiguration: Sendable, Hashable, Codable {
    /// `_class_name`, such as `PNDMScheduler`.
    package var className: String

    /// `algorithm_type`: DPM-Solver's equation.
    package var algorithmType: String?
    /// `beta_end`: the last beta.
    package var betaEnd: Double?
    /// `beta_schedule`: how betas increase.
    package var betaSchedule: String?
    /// `beta_start`: the first beta.
    package var betaStart: Double?
    /// `clip_sample`: whether the predicted sample is clipped.
    package var clipSample: Bool?
    /// `clip_sample_range`: largest magnitude after clipping.
    package var clipSampleRange: Double?
    /// `disable_corrector`: UniPC's steps without a corrector.
    package var disableCorrector: [Int]?
    /// `dynamic_thresholding_ratio`: the quantile of thresholding.
    package var dynamicThresholdingRatio: Double?
    /// `euler_at_final`: whether DPM-Solver's last step is of first order.
    package var eulerAtFinal: Bool?
    /// `final_sigmas_type`: the last level of noise.
    package var finalSigmasType: String?
    /// `interpolation_type`: Euler's sigmas between timesteps.
    package var interpolationType: String?
    /// `lambda_min_clipped`: the least λ at which DPM-Solver begins.
    package var lambdaMinClipped: Double?
    /// `lower_order_final`: whether short runs end at lower order.
    package var lowerOrderFinal: Bool?
    /// `num_train_timesteps`: timesteps of training.
    package var numTrainTimesteps: Int?
    /// `original_inference_steps`: timesteps that LCM was distilled at.
    package var originalInferenceSteps: Int?
    /// `predict_x0`: whether UniPC extrapolates pictures instead of noise.
    package var predictX0: Bool?
    /// `prediction_type`: what the network predicts.
    package var predictionType: String?
    /// `rescale_betas_zero_snr`: whether the last timestep is pure noise.
    package var rescaleBetasZeroSNR: Bool?
    /// `sample_max_value`: the limit of thresholding.
    package var sampleMaxValue: Double?
    /// `set_alpha_to_one`: whether the step after the last has no noise.
    package var setAlphaToOne: Bool?
    /// `sigma_max`: the largest sigma of a spacing.
    package var sigmaMax: Double?
    /// `sigma_min`: the smallest sigma of a spacing.
    package var sigmaMin: Double?
    /// `skip_prk_steps`: whether PNDM begins without Runge-Kutta steps.
    package var skipPRKSteps: Bool?
    /// `solver_order`: order of the multistep solvers, 1 to 3.
    package var solverOrder: Int?
    /// `solver_type`: variant of the multistep solvers.
    package var solverType: String?
    /// `steps_offset`: added to the timesteps of `leading` spacing.
    package var stepsOffset: Int?
    /// `thresholding`: whether the predicted sample is thresholded.
    package var thresholding: Bool?
    /// `timestep_scaling`: LCM's factor in its boundary condition.
    package var timestepScaling: Double?
    /// `timestep_spacing`: how timesteps are picked.
    package var timestepSpacing: String?
    /// `timestep_type`: Euler's input to the network, timesteps or 0.25 log σ.
    package var timestepType: String?
    /// `trained_betas`: betas in place of a schedule's.
    package var trainedBetas: [Double]?
    /// `use_beta_sigmas`: sigmas by the beta distribution; refused when true.
    package var useBetaSigmas: Bool?
    /// `use_dynamic_shifting`: of flow matching; refused when true.
    package var useDynamicShifting: Bool?
    /// `use_exponential_sigmas`: sigmas evenly spaced in their logarithms.
    package var useExponentialSigmas: Bool?
    /// `use_flow_sigmas`: of flow matching; refused when true.
    package var useFlowSigmas: Bool?
    /// `use_karras_sigmas`: sigmas by Karras and others, 2022.
    package var useKarrasSigmas: Bool?
    /// `use_lu_lambdas`: sigmas evenly spaced in λ.
    package var useLuLambdas: Bool?
    /// `variance_type`: of networks that predict variance; refused when learned.
    package var varianceType: String?

    enum CodingKeys: String, CodingKey {
        case className = "_class_name"
        case algorithmType = "algorithm_type"
        case betaEnd = "beta_end"
        case betaSchedule = "beta_schedule"
        case betaStart = "beta_start"
        case clipSample = "clip_sample"
        case clipSampleRange = "clip_sample_range"
        case disableCorrector = "disable_corrector"
        case dynamicThresholdingRatio = "dynamic_thresholding_ratio"
        case eulerAtFinal = "euler_at_final"
        case finalSigmasType = "final_sigmas_type"
        case interpolationType = "interpolation_type"
        case lambdaMinClipped = "lambda_min_clipped"
        case lowerOrderFinal = "lower_order_final"
        case numTrainTimesteps = "num_train_timesteps"
        case originalInferenceSteps = "original_inference_steps"
        case predictX0 = "predict_x0"
        case predictionType = "prediction_type"
        case rescaleBetasZeroSNR = "rescale_betas_zero_snr"
        case sampleMaxValue = "sample_max_value"
        case setAlphaToOne = "set_alpha_to_one"
        case sigmaMax = "sigma_max"
        case sigmaMin = "sigma_min"
        case skipPRKSteps = "skip_prk_steps"
        case solverOrder = "solver_order"
        case solverType = "solver_type"
        case stepsOffset = "steps_offset"
        case thresholding
        case timestepScaling = "timestep_scaling"
        case timestepSpacing = "timestep_spacing"
        case timestepType = "timestep_type"
        case trainedBetas = "trained_betas"
        case useBetaSigmas = "use_beta_sigmas"
        case useDynamicShifting = "use_dynamic_shifting"
        case useExponentialSigmas = "use_exponential_sigmas"
        case useFlowSigmas = "use_flow_sigmas"
        case useKarrasSigmas = "use_karras_sigmas"
        case useLuLambdas = "use_lu_lambdas"
        case varianceType = "variance_type"
    }

    /// A configuration in which every key has its class's default.
    package init(_ method: SamplingMethod) { className = method.traits.className }

    /// Reads the bytes of a `scheduler_config.json`; unknown keys are ignored.
    package init(json: some Collection<UInt8>) throws(SchedulerError) {
        let decoder = JSONDecoder()
        // Python writes `lambda_min_clipped: -Infinity`, which plain JSON forbids.
        decoder.allowsJSON5 = true
        do {
            self = try decoder.decode(Self.self, from: Data(json))
        } catch {
            throw .malformedConfiguration(reason: jsonReason(error))
        }
        // No limit, which plain JSON cannot express.
        if lambdaMinClipped == -.infinity { lambdaMinClipped = nil }
        guard Self.knownClassNames.contains(className) else {
            throw .unknownClass(className, known: Self.knownClassNames)
        }
    }

    /// The sampling method of the file's own class; DDIM if that class is not implemented here.
    package var samplingMethod: SamplingMethod { SamplingMethod(className: className) ?? .ddim }

    /// Applies the changes that diffusers' `StableDiffusionPipeline` makes to a scheduler it is
    /// given.
    ///
    /// Its constructor sets `steps_offset` to 1 and `clip_sample` to false, whatever the file says.
    package func correctedForStableDiffusion() -> SchedulerConfiguration {
        var corrected = self
        corrected.stepsOffset = 1
        corrected.clipSample = false
        return corrected
    }
}
