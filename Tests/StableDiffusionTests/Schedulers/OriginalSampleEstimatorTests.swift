// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import StableDiffusion
import Testing

/// The noise levels that estimates of finished latents are made with; the estimates themselves are
/// tested with a whole pipeline.
@Suite struct OriginalSampleEstimatorTests {
    private static func configuration() throws -> SchedulerConfiguration {
        try SchedulerConfiguration(json: Data(SchedulerTests.published.utf8))
    }

    private static func levels(
        _ method: SamplingMethod, _ schedule: SigmaSchedule = .modelDefault
    ) throws -> (levels: [(alpha: Float, beta: Float)], scheduler: any NoiseScheduler) {
        let configuration = try configuration()
        let scheduler = try configuration.makeScheduler(
            method, sigmaSchedule: schedule, inferenceStepCount: 20, sampleCount: 64)
        let estimator = try OriginalSampleEstimator(
            configuration, method, timesteps: scheduler.timesteps)
        return (estimator.levels, scheduler)
    }

    /// ᾱ by its definition, in double precision.
    @Test(arguments: [SamplingMethod.ddim, .pndm, .lcm, .dpmPlusPlus2M, .uniPC])
    func wholeTimestepsHaveTheLevelsOfTraining(method: SamplingMethod) throws {
        let (levels, scheduler) = try Self.levels(method)
        var cumulative: [Double] = []
        let (start, end) = (0.00085.squareRoot(), 0.012.squareRoot())
        for index in 0..<1000 {
            let root = start + (end - start) * Double(index) / 999
            cumulative.append((cumulative.last ?? 1) * (1 - root * root))
        }
        for (level, timestep) in zip(levels, scheduler.timesteps) {
            let share = cumulative[Int(timestep)]
            #expect(abs(Double(level.alpha) - share.squareRoot()) < 1e-5)
            #expect(abs(Double(level.beta) - (1 - share).squareRoot()) < 1e-5)
        }
    }

    /// σ between two timesteps of training, where a sampler in σ-space is: 1/√(σ² + 1).
    @Test(arguments: [SigmaSchedule.modelDefault, .karras, .exponential])
    func levelsBetweenTimestepsAreThoseOfTheSampler(schedule: SigmaSchedule) throws {
        let (levels, scheduler) = try Self.levels(.euler, schedule)
        let sample: [Float] = [1]
        for (step, level) in levels.enumerated() {
            var scaled: [Float] = [0]
            sample.withUnsafeBufferPointer { sample in
                scaled.withUnsafeMutableBufferPointer {
                    scheduler.scaleModelInput(sample, into: $0, at: step)
                }
            }
            #expect(abs(level.alpha - scaled[0]) < 2e-3 * scaled[0])
        }
    }
}
