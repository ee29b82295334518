// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
package import GenerationTypes

/// A published `scheduler_config.json`: the keys it holds, and nothing else.
///
/// An absent key stays absent, because its default depends on the class that reads it: diffusers'
/// `from_config` hands explicit keys on to another class and leaves the rest to that one.
package struct SchedulerConfiguration: Sendable, Hashable, Codable {
    /// `_class_name`, such as `PNDMScheduler`.
    package var className: String

    // The keys, by their names in diffusers, whose class documentation explains them.
    package var algorithmType: String?
    package var betaEnd: Double?
    package var betaSchedule: String?
    package var betaStart: Double?
    package var clipSample: Bool?
    package var clipSampleRange: Double?
    package var disableCorrector: [Int]?
    package var dynamicThresholdingRatio: Double?
    package var eulerAtFinal: Bool?
    package var finalSigmasType: String?
    package var interpolationType: String?
    package var lambdaMinClipped: Double?
    package var lowerOrderFinal: Bool?
    package var numTrainTimesteps: Int?
    package var originalInferenceSteps: Int?
    package var predictX0: Bool?
    package var predictionType: String?
    package var rescaleBetasZeroSNR: Bool?
    package var sampleMaxValue: Double?
    package var setAlphaToOne: Bool?
    package var sigmaMax: Double?
    package var sigmaMin: Double?
    package var skipPRKSteps: Bool?
    package var solverOrder: Int?
    package var solverType: String?
    package var stepsOffset: Int?
    package var thresholding: Bool?
    package var timestepScaling: Double?
    package var timestepSpacing: String?
    package var timestepType: String?
    package var trainedBetas: [Double]?
    package var useBetaSigmas: Bool?
    package var useDynamicShifting: Bool?
    package var useExponentialSigmas: Bool?
    package var useFlowSigmas: Bool?
    package var useKarrasSigmas: Bool?
    package var useLuLambdas: Bool?
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
    package init(_ schedulerClass: SchedulerClass) {
        className = schedulerClass.rawValue
    }

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
        // No limit, which plain JSON can't say.
        if lambdaMinClipped == -.infinity { lambdaMinClipped = nil }
        guard SchedulerClass.knownNames.contains(className) else {
            throw .unknownClass(className, known: SchedulerClass.knownNames)
        }
    }

    /// The class the file was written by, where it is built here.
    package var schedulerClass: SchedulerClass? { SchedulerClass(rawValue: className) }

    /// The sampling method of the file's own class; DDIM where that class is not built here.
    package var samplingMethod: SamplingMethod { schedulerClass?.samplingMethod ?? .ddim }

    /// What diffusers' `StableDiffusionPipeline` makes of a scheduler that it is given.
    ///
    /// Its constructor sets `steps_offset` to 1 and `clip_sample` to false, whatever the file says.
    package func correctedForStableDiffusion() -> SchedulerConfiguration {
        var corrected = self
        corrected.stepsOffset = 1
        corrected.clipSample = false
        return corrected
    }
}
