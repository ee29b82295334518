// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Glibc

/// What the network's prediction says the finished latents are: diffusers' `pred_original_sample`.
///
/// The network's input is √ᾱ·x₀ + √(1−ᾱ)·ε for every sampler, those in σ-space included, whose
/// samples are scaled down to it; so the estimate depends on the step's noise level alone, and no
/// sampler has a part in it.
package struct OriginalSampleEstimator: Sendable {
    private let prediction: PredictionType
    /// √ᾱ and √(1−ᾱ) of each step.
    package let levels: [(alpha: Float, beta: Float)]

    /// Finds the noise levels of a run's timesteps.
    ///
    /// - Throws: `SchedulerError`, where the sampler can't be made either.
    package init(
        _ configuration: SchedulerConfiguration, _ method: SamplingMethod, timesteps: [Float]
    ) throws(SchedulerError) {
        let parameters = try configuration.parameters(for: method)
        prediction = parameters.prediction
        let training = TrainingSchedule(parameters)
        levels = timesteps.map { timestep in
            let logSigma =
                parameters.usesContinuousTimesteps
                ? 4 * timestep : training.logSigma(at: timestep)
            let level = SignalNoise(ratio: exp(logSigma))
            return (level.alpha, level.sigma)
        }
    }

    /// Estimates x₀.
    ///
    /// - Parameters:
    ///   - input: the network's, channel-major.
    ///   - output: the guided prediction, as many values.
    func estimate(
        input: UnsafeMutableBufferPointer<Float>, output: UnsafeMutableBufferPointer<Float>,
        at step: Int
    ) -> [Float] {
        precondition(input.count == output.count)
        guard let sample = input.baseAddress, let predicted = output.baseAddress else { return [] }
        let level = levels[step]
        return [Float](unsafeUninitializedCapacity: input.count) { values, count in
            count = input.count
            guard let target = values.baseAddress else { return }
            SampleMath.predictOriginal(
                prediction, output: predicted, sample: sample, alpha: level.alpha,
                beta: level.beta, into: target, count: count)
        }
    }
}

extension TrainingSchedule {
    /// The logarithm of σ between two training timesteps.
    fileprivate func logSigma(at timestep: Float) -> Float {
        let position = min(max(timestep, 0), Float(logSigmas.count - 1))
        let lower = Int(position)
        let upper = min(lower + 1, logSigmas.count - 1)
        let (first, second) = (logSigmas[lower], logSigmas[upper])
        // The last timestep of a zero terminal SNR is infinite.
        guard first.isFinite, second.isFinite, lower != upper else {
            return position == Float(lower) ? first : second
        }
        return first + (position - Float(lower)) * (second - first)
    }
}
