// SPDX-License-Identifier: Apache-2.0

/// Euler's method in σ-space (Karras and others, 2022, algorithm 2 without churn), diffusers'
/// `EulerDiscreteScheduler`.
package struct EulerDiscreteScheduler: SigmaSpaceScheduler, ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float
    package var history: SchedulerHistory
    let sigmas: [Float]

    private let prediction: PredictionType
    private var original: [Float]

    static let traits = SchedulerTraits(
        betaRescaling: .aboveZero, sigmaChoice: .byFile, readsFinalSigmas: true)

    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError) {
        parameters.interpolation = try file.value(
            file.interpolationType, .linear, "interpolation_type")
        let type = file.timestepType ?? "discrete"
        guard ["discrete", "continuous"].contains(type) else {
            throw .unknownValue(
                key: "timestep_type", value: type, known: ["discrete", "continuous"])
        }
        parameters.usesContinuousTimesteps =
            type == "continuous" && parameters.prediction == .vPrediction
    }

    init(_ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int) {
        let table = SigmaTable.euler(parameters, count: stepCount)
        timesteps = table.timesteps
        sigmas = table.sigmas
        initialNoiseSigma = table.initialNoiseSigma(parameters.spacing)
        prediction = parameters.prediction
        history = SchedulerHistory(parameters.method, sampleCount: sampleCount)
        original = Array(repeating: 0, count: sampleCount)
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let sigma = sigmas[stepIndex]
        let difference = sigmas[stepIndex + 1] - sigma
        let (count, prediction) = (history.sampleCount, prediction)
        original.withUnsafeMutableBufferPointer { original in
            guard let original = original.baseAddress else { return }
            SampleMath.predictOriginal(
                prediction, output: output, sample: sample, sigma: sigma, into: original,
                count: count)
            for i in 0..<count {
                sample[i] += (sample[i] - original[i]) / sigma * difference
            }
        }
        history.completeStep()
    }
}
