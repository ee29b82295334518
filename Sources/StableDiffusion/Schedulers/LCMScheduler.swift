// SPDX-License-Identifier: Apache-2.0

/// Multistep consistency sampling (Luo and others, 2023, algorithm 3), diffusers' `LCMScheduler`.
///
/// Adds noise at every step but the last.
package struct LCMScheduler: ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float = 1
    package var history: SchedulerHistory

    private let parameters: SchedulerParameters
    private let alphasCumprod: [Float]
    private var original: [Float]
    private var scratch: [Float]

    private static let dataDeviation: Float = 0.5

    static let traits = SchedulerTraits(
        betaStart: 0.00085, betaEnd: 0.012, betaSchedule: .scaledLinear, betaRescaling: .toZero,
        spacing: .leading, hasDistilledTimesteps: true, clipsSample: false, readsThresholding: true)

    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError) {
        try file.readDistillation(&parameters)
        parameters.timestepScaling = Float(file.timestepScaling ?? 10)
    }

    init(
        _ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int
    ) throws(SchedulerError) {
        self.parameters = parameters
        timesteps = try Timesteps.distilled(parameters, count: stepCount)
        alphasCumprod = TrainingSchedule(parameters).alphasCumprod
        history = SchedulerHistory(parameters.method, sampleCount: sampleCount)
        original = Array(repeating: 0, count: sampleCount)
        scratch = original
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let timestep = timesteps[stepIndex]
        let isLast = stepIndex == timesteps.count - 1
        let alphaProduct = alphasCumprod[Int(timestep)]
        let nextProduct = alphasCumprod[Int(isLast ? timestep : timesteps[stepIndex + 1])]
        let (alpha, beta) = (alphaProduct.squareRoot(), (1 - alphaProduct).squareRoot())
        let (nextAlpha, nextBeta) = (nextProduct.squareRoot(), (1 - nextProduct).squareRoot())
        // Boundary condition: the identity at timestep 0.
        let scaled = timestep * parameters.timestepScaling
        let dataVariance = Self.dataDeviation * Self.dataDeviation
        let skip = dataVariance / (scaled * scaled + dataVariance)
        let out = scaled / (scaled * scaled + dataVariance).squareRoot()
        let (count, parameters) = (history.sampleCount, parameters)

        original.withUnsafeMutableBufferPointer { original in
            scratch.withUnsafeMutableBufferPointer { buffer in
                guard let original = original.baseAddress, let scratch = buffer.baseAddress
                else { return }
                SampleMath.predictOriginal(
                    parameters.prediction, output: output, sample: sample, alpha: alpha,
                    beta: beta, into: original, count: count)
                parameters.limit(original, scratch: scratch, count: count)
                for i in 0..<count { sample[i] = out * original[i] + skip * sample[i] }
                guard !isLast else { return }
                noise.fillNormal(buffer)
                for i in 0..<count { sample[i] = nextAlpha * sample[i] + nextBeta * scratch[i] }
            }
        }
        history.completeStep()
    }
}
