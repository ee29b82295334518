// SPDX-License-Identifier: Apache-2.0

/// Heun's second-order method in σ-space, diffusers' `HeunDiscreteScheduler`.
///
/// Karras and others, 2022, algorithm 1. The network is called twice per step, once in the last
/// step.
package struct HeunDiscreteScheduler: SigmaSpaceScheduler, ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float
    package var history: SchedulerHistory
    let sigmas: [Float]

    private let prediction: PredictionType
    private let clipSampleRange: Float?
    private var original: [Float]

    static let traits = SchedulerTraits(
        betaStart: 0.00085, betaEnd: 0.012, allowsExponentialBetas: true, sigmaChoice: .byFile,
        clipsSample: false)

    init(_ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int) {
        let table = SigmaTable.euler(parameters, count: stepCount)
        timesteps = table.timesteps.enumerated().flatMap { $0 == 0 ? [$1] : [$1, $1] }
        let last = table.sigmas.count - 1
        sigmas = table.sigmas.enumerated().flatMap { $0 == 0 || $0 == last ? [$1] : [$1, $1] }
        initialNoiseSigma = table.initialNoiseSigma(parameters.spacing)
        prediction = parameters.prediction
        clipSampleRange = parameters.clipSampleRange
        history = SchedulerHistory(
            parameters.method, names: ["derivative", "sample"], sampleCount: sampleCount)
        original = Array(repeating: 0, count: sampleCount)
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let isFirst = stepIndex % 2 == 0
        let sigma = sigmas[isFirst ? stepIndex : stepIndex - 1]
        let next = sigmas[isFirst ? stepIndex + 1 : stepIndex]
        let difference = next - sigma
        let current = isFirst ? sigma : next
        let count = history.sampleCount
        let (prediction, clipSampleRange) = (prediction, clipSampleRange)
        original.withUnsafeMutableBufferPointer { original in
            guard let original = original.baseAddress else { return }
            SampleMath.predictOriginal(
                prediction, output: output, sample: sample, sigma: current, into: original,
                count: count)
            if let clipSampleRange {
                SampleMath.clip(original, to: clipSampleRange, count: count)
            }
            history.withBuffers { buffers in
                let (derivatives, start) = (buffers[0], buffers[1])
                for i in 0..<count {
                    let derivative = (sample[i] - original[i]) / current
                    if isFirst {
                        derivatives[i] = derivative
                        start[i] = sample[i]
                        sample[i] += derivative * difference
                    } else {
                        sample[i] = start[i] + (derivatives[i] + derivative) / 2 * difference
                    }
                }
            }
        }
        history.completeStep()
    }
}
