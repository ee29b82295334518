// SPDX-License-Identifier: Apache-2.0

/// Ancestral sampling with Euler steps, diffusers' `EulerAncestralDiscreteScheduler`.
///
/// k-diffusion's `sample_euler_ancestral`. Adds noise at every step, including the last one.
package struct EulerAncestralDiscreteScheduler: SigmaSpaceScheduler, ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float
    package var history: SchedulerHistory
    let sigmas: [Float]

    private let prediction: PredictionType
    private var scratch: [Float]

    static let traits = SchedulerTraits(
        betaRescaling: .aboveZero, predictions: [.epsilon, .vPrediction], sigmaChoice: .byRequest)

    init(_ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int) {
        let table = SigmaTable.euler(parameters, count: stepCount)
        timesteps = table.timesteps
        sigmas = table.sigmas
        initialNoiseSigma = table.initialNoiseSigma(parameters.spacing)
        prediction = parameters.prediction
        history = SchedulerHistory(parameters.method, sampleCount: sampleCount)
        scratch = Array(repeating: 0, count: sampleCount)
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let (sigma, next) = (sigmas[stepIndex], sigmas[stepIndex + 1])
        let (variance, nextVariance) = (sigma * sigma, next * next)
        let up = (nextVariance * (variance - nextVariance) / variance).squareRoot()
        let down = (nextVariance - up * up).squareRoot()
        let difference = down - sigma
        let (count, prediction) = (history.sampleCount, prediction)
        scratch.withUnsafeMutableBufferPointer { buffer in
            guard let scratch = buffer.baseAddress else { return }
            SampleMath.predictOriginal(
                prediction, output: output, sample: sample, sigma: sigma, into: scratch,
                count: count)
            for i in 0..<count {
                sample[i] += (sample[i] - scratch[i]) / sigma * difference
            }
            noise.fillNormal(buffer)
            for i in 0..<count { sample[i] += scratch[i] * up }
        }
        history.completeStep()
    }
}
