// SPDX-License-Identifier: Apache-2.0

/// Pseudo numerical methods for diffusion models (Liu and others, 2022), diffusers'
/// `PNDMScheduler`.
///
/// With `skip_prk_steps` the linear multistep method (PLMS) starts with one repeated call;
/// otherwise three Runge-Kutta steps of four calls each come first.
package struct PNDMScheduler: ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float = 1
    package var history: SchedulerHistory

    private let parameters: SchedulerParameters
    private let alphasCumprod: [Float]
    private let finalAlphaCumprod: Float
    private let stride: Int
    private let rungeKuttaCallCount: Int

    /// The last four outputs, newest first; the sample at the start of a step; the Runge-Kutta sum.
    private static let names = [
        "model_output_0", "model_output_1", "model_output_2", "model_output_3", "sample",
        "model_output_sum",
    ]
    private static let (outputCount, startSample, outputSum) = (4, 4, 5)

    static let traits = SchedulerTraits(
        predictions: [.epsilon, .vPrediction], spacing: .leading, setsAlphaToOne: false)

    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError) {
        parameters.skipPRKSteps = file.skipPRKSteps ?? false
    }

    init(
        _ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int
    ) throws(SchedulerError) {
        self.parameters = parameters
        stride = parameters.trainTimesteps / stepCount
        let rising = Array(Timesteps.whole(parameters, count: stepCount).reversed())
        try parameters.checkTabulated(rising, stepCount: stepCount)
        var falling: [Double] = []
        if parameters.skipPRKSteps {
            falling = Array((rising.dropLast() + rising.suffix(2)).reversed())
            if stepCount == 1 { falling = rising }
            rungeKuttaCallCount = 0
        } else {
            guard stepCount >= 4 else {
                throw .stepCountOutOfRange(
                    stepCount, allowed: 4...parameters.trainTimesteps,
                    reason: "PNDM with skip_prk_steps false begins with Runge-Kutta steps")
            }
            let half = Double(stride / 2)
            let doubled = rising.suffix(4).flatMap { [$0, $0 + half] }
            let repeated = doubled.dropLast().flatMap { [$0, $0] }
            falling = repeated.dropFirst().dropLast().reversed() + rising.dropLast(3).reversed()
            rungeKuttaCallCount = 12
        }
        timesteps = falling.map { Float($0) }
        alphasCumprod = TrainingSchedule(parameters).alphasCumprod
        finalAlphaCumprod = parameters.setAlphaToOne ? 1 : alphasCumprod[0]
        history = SchedulerHistory(parameters.method, names: Self.names, sampleCount: sampleCount)
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        if stepIndex < rungeKuttaCallCount {
            rungeKuttaStep(output, stepIndex, sample)
        } else {
            multistep(output, stepIndex, sample)
        }
        history.completeStep()
    }

    /// One of the four calls of a Runge-Kutta step; each starts from the sample at the start of the
    /// step.
    private mutating func rungeKuttaStep(
        _ output: UnsafePointer<Float>, _ stepIndex: Int, _ sample: UnsafeMutablePointer<Float>
    ) {
        let call = stepIndex % 4
        if call == 0 { history.rotate(first: Self.outputCount) }
        let previous = Int(timesteps[stepIndex]) - (stepIndex % 2 == 0 ? stride / 2 : 0)
        let coefficients = coefficients(from: Int(timesteps[stepIndex - call]), to: previous)
        let weight: Float = call == 0 || call == 3 ? 1 / 6 : 1 / 3
        let count = history.sampleCount
        history.withBuffers { buffers in
            let (start, sum) = (buffers[Self.startSample], buffers[Self.outputSum])
            if call == 0 {
                for i in 0..<count {
                    buffers[0][i] = output[i]
                    start[i] = sample[i]
                    sum[i] = 0
                }
            }
            for i in 0..<count {
                sum[i] += weight * output[i]
                sample[i] = coefficients.apply(start[i], call == 3 ? sum[i] : output[i])
            }
        }
    }

    /// A call of the linear multistep method, equations 9 and 12.
    private mutating func multistep(
        _ output: UnsafePointer<Float>, _ stepIndex: Int, _ sample: UnsafeMutablePointer<Float>
    ) {
        var timestep = Int(timesteps[stepIndex])
        var previous = timestep - stride
        // PLMS begins with a step done twice, the second time with the average of both outputs.
        let isRepeat = rungeKuttaCallCount == 0 && stepIndex == 1
        if isRepeat { (timestep, previous) = (timestep + stride, timestep) }
        let coefficients = coefficients(from: timestep, to: previous)
        if !isRepeat { history.rotate(first: Self.outputCount) }
        let earlier = rungeKuttaCallCount == 0 ? max(stepIndex - 1, 0) : stepIndex - 9
        let known = min(earlier + 1, Self.outputCount)
        let count = history.sampleCount
        history.withBuffers { buffers in
            let (first, second) = (buffers[0], buffers[1])
            let (third, fourth) = (buffers[2], buffers[3])
            let start = buffers[Self.startSample]
            if isRepeat {
                for i in 0..<count {
                    sample[i] = coefficients.apply(start[i], (output[i] + first[i]) / 2)
                }
                return
            }
            for i in 0..<count {
                first[i] = output[i]
                if stepIndex == 0 { start[i] = sample[i] }
                let mixed: Float
                switch known {
                case 1: mixed = output[i]
                case 2: mixed = (3 * first[i] - second[i]) / 2
                case 3: mixed = (23 * first[i] - 16 * second[i] + 5 * third[i]) / 12
                default:
                    let sum = 55 * first[i] - 59 * second[i] + 37 * third[i] - 9 * fourth[i]
                    mixed = Float(1.0 / 24) * sum
                }
                sample[i] = coefficients.apply(sample[i], mixed)
            }
        }
    }

    /// Equation 9 between two timesteps, as numbers.
    private struct Coefficients {
        var outputToNoise: (sample: Float, output: Float)?
        var sample: Float
        var difference: Float
        var denominator: Float

        func apply(_ sample: Float, _ output: Float) -> Float {
            var output = output
            if let outputToNoise {
                output = outputToNoise.output * output + outputToNoise.sample * sample
            }
            return self.sample * sample - difference * output / denominator
        }
    }

    private func coefficients(from timestep: Int, to previous: Int) -> Coefficients {
        let alphaProduct = alphasCumprod[timestep]
        let previousProduct = previous >= 0 ? alphasCumprod[previous] : finalAlphaCumprod
        let (betaProduct, previousBeta) = (1 - alphaProduct, 1 - previousProduct)
        let isV = parameters.prediction == .vPrediction
        return Coefficients(
            outputToNoise: isV ? (betaProduct.squareRoot(), alphaProduct.squareRoot()) : nil,
            sample: (previousProduct / alphaProduct).squareRoot(),
            difference: previousProduct - alphaProduct,
            denominator: alphaProduct * previousBeta.squareRoot()
                + (alphaProduct * betaProduct * previousProduct).squareRoot())
    }
}
