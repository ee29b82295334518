// SPDX-License-Identifier: Apache-2.0

/// Linear multistep method in σ-space (k-diffusion's `sample_lms`), diffusers'
/// `LMSDiscreteScheduler`, of order 4.
package struct LMSDiscreteScheduler: SigmaSpaceScheduler, ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float
    package var history: SchedulerHistory
    let sigmas: [Float]

    private let prediction: PredictionType

    private static let names = ["derivative_0", "derivative_1", "derivative_2", "derivative_3"]

    static let traits = SchedulerTraits(sigmaChoice: .byFile, limitsKarrasSigmas: false)

    init(
        _ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int
    ) throws(SchedulerError) {
        let table = try parameters.distinctLevels(stepCount, order: Self.names.count) {
            SigmaTable.euler(parameters, count: $0)
        }
        timesteps = table.timesteps
        sigmas = table.sigmas
        initialNoiseSigma = table.initialNoiseSigma(parameters.spacing)
        prediction = parameters.prediction
        history = SchedulerHistory(parameters.method, names: Self.names, sampleCount: sampleCount)
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let sigma = sigmas[stepIndex]
        let order = min(stepIndex + 1, Self.names.count)
        let weights = (
            coefficient(0, order, stepIndex), coefficient(1, order, stepIndex),
            coefficient(2, order, stepIndex), coefficient(3, order, stepIndex)
        )
        let (count, prediction) = (history.sampleCount, prediction)
        history.rotate(first: Self.names.count)
        history.withBuffers { buffers in
            let (first, second) = (buffers[0], buffers[1])
            let (third, fourth) = (buffers[2], buffers[3])
            SampleMath.predictOriginal(
                prediction, output: output, sample: sample, sigma: sigma, into: first, count: count)
            for i in 0..<count { first[i] = (sample[i] - first[i]) / sigma }
            for i in 0..<count {
                var sum = weights.0 * first[i]
                if order > 1 { sum += weights.1 * second[i] }
                if order > 2 { sum += weights.2 * third[i] }
                if order > 3 { sum += weights.3 * fourth[i] }
                sample[i] += sum
            }
        }
        history.completeStep()
    }

    /// The integral over the step of the Lagrange polynomial that is 1 at the derivative of
    /// `current` steps ago and 0 at the others; 0 beyond the order.
    ///
    /// diffusers integrates by adaptive quadrature; two Gauss points are exact for a cubic.
    private func coefficient(_ current: Int, _ order: Int, _ stepIndex: Int) -> Float {
        guard current < order else { return 0 }
        let (from, to) = (Double(sigmas[stepIndex]), Double(sigmas[stepIndex + 1]))
        let (middle, half) = ((from + to) / 2, (to - from) / 2)
        let offset = half / 3.0.squareRoot()
        let sum =
            lagrange(middle - offset, current, order, stepIndex)
            + lagrange(middle + offset, current, order, stepIndex)
        return Float(half * sum)
    }

    private func lagrange(
        _ sigma: Double, _ current: Int, _ order: Int, _ stepIndex: Int
    ) -> Double {
        let own = Double(sigmas[stepIndex - current])
        var product = 1.0
        for other in 0..<order where other != current {
            let root = Double(sigmas[stepIndex - other])
            product *= (sigma - root) / (own - root)
        }
        return product
    }
}
