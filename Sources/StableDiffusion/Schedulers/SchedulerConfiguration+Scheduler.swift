// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

extension SchedulerConfiguration {
    /// Makes the scheduler of one image.
    ///
    /// Where `samplingMethod` is another class than the file's, that class reads the file's keys,
    /// as diffusers' `from_config`. `sampleCount` is the number of values in the image's latents;
    /// `eta` is DDIM's η, which the others have no use for.
    package func makeScheduler(
        _ samplingMethod: SamplingMethod, sigmaSchedule: SigmaSchedule = .modelDefault,
        inferenceStepCount: Int, eta: Float = 0, sampleCount: Int
    ) throws(SchedulerError) -> any NoiseScheduler {
        guard SchedulerClass.knownNames.contains(className) else {
            throw .unknownClass(className, known: SchedulerClass.knownNames)
        }
        var parameters = try parameters(for: SchedulerClass(samplingMethod))
        try parameters.apply(sigmaSchedule)
        let count = inferenceStepCount
        guard (1...parameters.trainTimesteps).contains(count) else {
            throw .stepCountOutOfRange(
                count, allowed: 1...parameters.trainTimesteps,
                reason: "the model was trained on \(parameters.trainTimesteps) timesteps")
        }
        switch parameters.schedulerClass {
        case .ddim:
            return try DDIMScheduler(
                parameters, stepCount: count, eta: eta, sampleCount: sampleCount)
        case .pndm:
            return try PNDMScheduler(parameters, stepCount: count, sampleCount: sampleCount)
        case .euler:
            return EulerDiscreteScheduler(parameters, stepCount: count, sampleCount: sampleCount)
        case .eulerAncestral:
            return EulerAncestralDiscreteScheduler(
                parameters, stepCount: count, sampleCount: sampleCount)
        case .lms:
            return LMSDiscreteScheduler(parameters, stepCount: count, sampleCount: sampleCount)
        case .heun:
            return HeunDiscreteScheduler(parameters, stepCount: count, sampleCount: sampleCount)
        case .dpmSolverMultistep:
            return try DPMSolverMultistepScheduler(
                parameters, stepCount: count, sampleCount: sampleCount)
        case .uniPC:
            return try UniPCMultistepScheduler(
                parameters, stepCount: count, sampleCount: sampleCount)
        case .lcm:
            return try LCMScheduler(parameters, stepCount: count, sampleCount: sampleCount)
        }
    }
}
