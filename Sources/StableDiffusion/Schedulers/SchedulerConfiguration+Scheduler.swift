// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

extension SamplingMethod {
    /// The scheduler that implements it.
    var scheduler: any ConfiguredScheduler.Type {
        switch self {
        case .ddim: DDIMScheduler.self
        case .pndm: PNDMScheduler.self
        case .euler: EulerDiscreteScheduler.self
        case .eulerAncestral: EulerAncestralDiscreteScheduler.self
        case .lms: LMSDiscreteScheduler.self
        case .heun: HeunDiscreteScheduler.self
        case .dpmPlusPlus2M: DPMSolverMultistepScheduler.self
        case .uniPC: UniPCMultistepScheduler.self
        case .lcm: LCMScheduler.self
        case .tcd: TCDScheduler.self
        }
    }
}

extension SchedulerConfiguration {
    /// Creates the scheduler of one image.
    ///
    /// If `samplingMethod` belongs to another class than the file's, that class reads the file's
    /// keys, like diffusers' `from_config`. `sampleCount` is the number of values in the image's
    /// latents; `eta` is DDIM's η or TCD's γ, `nil` for the sampler's default; other samplers
    /// ignore it.
    package func makeScheduler(
        _ samplingMethod: SamplingMethod, sigmaSchedule: SigmaSchedule = .modelDefault,
        inferenceStepCount: Int, eta: Float? = nil, sampleCount: Int
    ) throws(SchedulerError) -> any NoiseScheduler {
        guard Self.knownClassNames.contains(className) else {
            throw .unknownClass(className, known: Self.knownClassNames)
        }
        var parameters = try parameters(for: samplingMethod)
        parameters.eta = eta ?? samplingMethod.standardEta
        try parameters.apply(sigmaSchedule)
        let count = inferenceStepCount
        guard (1...parameters.trainTimesteps).contains(count) else {
            throw .stepCountOutOfRange(
                count, allowed: 1...parameters.trainTimesteps,
                reason: "the model was trained on \(parameters.trainTimesteps) timesteps")
        }
        return try samplingMethod.scheduler.init(
            parameters, stepCount: count, sampleCount: sampleCount)
    }
}
