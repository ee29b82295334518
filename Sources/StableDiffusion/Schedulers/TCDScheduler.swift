// SPDX-License-Identifier: Apache-2.0

/// Trajectory consistency distillation's strategic stochastic sampling (Zheng and others,
/// arXiv 2402.19159), diffusers' `TCDScheduler`.
///
/// A step overshoots its target t′ to s = ⌊(1 − γ)t′⌋ and adds noise back up to t′; γ is η. It
/// neither clips nor thresholds, whatever the file says, like diffusers' class.
package struct TCDScheduler: ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float = 1
    package var history: SchedulerHistory

    private let prediction: PredictionType
    private let gamma: Float
    private let alphasCumprod: [Float]
    private var original: [Float]
    private var scratch: [Float]

    static let traits = SchedulerTraits(
        betaStart: 0.00085, betaEnd: 0.012, betaSchedule: .scaledLinear, betaRescaling: .toZero,
        spacing: .leading, hasDistilledTimesteps: true)

    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError) {
        try file.readDistillation(&parameters)
    }

    init(
        _ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int
    ) throws(SchedulerError) {
        prediction = parameters.prediction
        gamma = parameters.eta
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
        let isLast = stepIndex == timesteps.count - 1
        let next = isLast ? 0 : timesteps[stepIndex + 1]
        let beyond = ((1 - gamma) * next).rounded(.down)
        let alphaProduct = alphasCumprod[Int(timesteps[stepIndex])]
        let beyondProduct = alphasCumprod[Int(beyond)]
        let kept = alphasCumprod[Int(next)] / beyondProduct
        let (alpha, beta) = (alphaProduct.squareRoot(), (1 - alphaProduct).squareRoot())
        let beyondAlpha = beyondProduct.squareRoot()
        let beyondBeta = (1 - beyondProduct).squareRoot()
        let addsNoise = gamma > 0 && !isLast
        let (count, prediction) = (history.sampleCount, prediction)

        original.withUnsafeMutableBufferPointer { original in
            scratch.withUnsafeMutableBufferPointer { buffer in
                guard let original = original.baseAddress, let scratch = buffer.baseAddress
                else { return }
                SampleMath.predictOriginal(
                    prediction, output: output, sample: sample, alpha: alpha, beta: beta,
                    into: original, count: count)
                SampleMath.predictNoise(
                    prediction, output: output, sample: sample, alpha: alpha, beta: beta,
                    into: scratch, count: count)
                for i in 0..<count {
                    sample[i] = beyondAlpha * original[i] + beyondBeta * scratch[i]
                }
                guard addsNoise else { return }
                noise.fillNormal(buffer)
                let (scale, deviation) = (kept.squareRoot(), (1 - kept).squareRoot())
                for i in 0..<count { sample[i] = scale * sample[i] + deviation * scratch[i] }
            }
        }
        history.completeStep()
    }
}
