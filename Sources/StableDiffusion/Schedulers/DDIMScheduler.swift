// SPDX-License-Identifier: Apache-2.0

/// Denoising diffusion implicit models (Song and others, 2021), diffusers' `DDIMScheduler`.
package struct DDIMScheduler: ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float = 1
    package var history: SchedulerHistory

    private let parameters: SchedulerParameters
    private let alphasCumprod: [Float]
    private let finalAlphaCumprod: Float
    private let stride: Int
    private let eta: Float
    private var original: [Float]
    private var predictedNoise: [Float]

    static let traits = SchedulerTraits(
        betaRescaling: .toZero, spacing: .leading, clipsSample: true, readsThresholding: true)

    init(
        _ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int
    ) throws(SchedulerError) {
        self.parameters = parameters
        eta = parameters.eta
        let steps = Timesteps.whole(parameters, count: stepCount)
        try parameters.checkTabulated(steps, stepCount: stepCount)
        timesteps = steps.map { Float($0) }
        alphasCumprod = TrainingSchedule(parameters).alphasCumprod
        finalAlphaCumprod = parameters.setAlphaToOne ? 1 : alphasCumprod[0]
        stride = parameters.trainTimesteps / stepCount
        history = SchedulerHistory(parameters.method, sampleCount: sampleCount)
        original = Array(repeating: 0, count: sampleCount)
        predictedNoise = original
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let timestep = Int(timesteps[stepIndex])
        let alphaProduct = alphasCumprod[timestep]
        let previous = timestep - stride
        let previousProduct = previous >= 0 ? alphasCumprod[previous] : finalAlphaCumprod
        let (alpha, beta) = (alphaProduct.squareRoot(), (1 - alphaProduct).squareRoot())
        // σ_t(η), equation 16.
        let variance =
            (1 - previousProduct) / (1 - alphaProduct) * (1 - alphaProduct / previousProduct)
        let deviation = eta * variance.squareRoot()
        let direction = (1 - previousProduct - deviation * deviation).squareRoot()
        let previousAlpha = previousProduct.squareRoot()
        let (count, parameters, eta) = (history.sampleCount, parameters, eta)

        original.withUnsafeMutableBufferPointer { original in
            predictedNoise.withUnsafeMutableBufferPointer { predicted in
                guard let original = original.baseAddress, let scratch = predicted.baseAddress
                else { return }
                SampleMath.predictOriginal(
                    parameters.prediction, output: output, sample: sample, alpha: alpha,
                    beta: beta, into: original, count: count)
                // Thresholding needs scratch memory before the noise uses it; the noise predicted
                // from x₀ itself is the unclipped one, as in diffusers.
                parameters.limit(original, scratch: scratch, count: count)
                SampleMath.predictNoise(
                    parameters.prediction, output: output, sample: sample, alpha: alpha,
                    beta: beta, into: scratch, count: count)
                for i in 0..<count {
                    sample[i] = previousAlpha * original[i] + direction * scratch[i]
                }
                guard eta > 0 else { return }
                noise.fillNormal(UnsafeMutableBufferPointer(start: scratch, count: count))
                for i in 0..<count { sample[i] += deviation * scratch[i] }
            }
        }
        history.completeStep()
    }
}

extension SchedulerParameters {
    /// Thresholds or clips a predicted picture, if the configuration says so.
    func limit(
        _ original: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>, count: Int
    ) {
        if let thresholding {
            SampleMath.threshold(original, thresholding, scratch: scratch, count: count)
        } else if let clipSampleRange {
            SampleMath.clip(original, to: clipSampleRange, count: count)
        }
    }

    /// Checks that all timesteps are training timesteps.
    func checkTabulated(_ timesteps: [Double], stepCount: Int) throws(SchedulerError) {
        guard let first = timesteps.max(), first >= Double(trainTimesteps) else { return }
        // Only `leading` with an offset gets there, and only if the stride is 1.
        throw .stepCountOutOfRange(
            stepCount, allowed: 1...(trainTimesteps - stepsOffset),
            reason: """
                with steps_offset \(stepsOffset) the first timestep would be \(Int(first)), beyond \
                the \(trainTimesteps) that the model was trained on
                """)
    }
}

extension SchedulerHistory {
    /// Checks a step's arguments and returns their memory.
    func begin(
        _ stepIndex: Int, _ output: UnsafeBufferPointer<Float>,
        _ sample: UnsafeMutableBufferPointer<Float>
    ) -> (output: UnsafePointer<Float>, sample: UnsafeMutablePointer<Float>) {
        precondition(stepIndex == self.stepIndex, "step \(stepIndex) after \(self.stepIndex) steps")
        precondition(output.count == sampleCount && sample.count == sampleCount)
        guard let output = output.baseAddress, let sample = sample.baseAddress else {
            preconditionFailure("samples have values")
        }
        return (output, sample)
    }
}
