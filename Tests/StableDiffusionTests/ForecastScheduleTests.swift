// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import StableDiffusion
import Testing

@Suite struct ForecastScheduleTests {
    private func calls(_ stepCount: Int, _ interval: Int) -> [Int] {
        let schedule = ForecastSchedule(stepCount: stepCount, interval: interval)
        return (0..<stepCount).filter { !schedule.isForecast($0) }
    }

    @Test func theFirstFiveAndTheLastAreCalls() {
        #expect(calls(20, 2) == [0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 19])
        #expect(calls(20, 3) == [0, 1, 2, 3, 4, 7, 10, 13, 16, 19])
        #expect(calls(4, 3) == [0, 1, 2, 3])
        #expect(calls(20, 1) == Array(0..<20))
    }

    /// Every call is followed by the forecasts up to the next one.
    @Test(arguments: 1...4) func callsAndStepsAgree(_ interval: Int) {
        for stepCount in 1...40 {
            let schedule = ForecastSchedule(stepCount: stepCount, interval: interval)
            let calls = calls(stepCount, interval)
            #expect(schedule.callCount == calls.count)
            #expect((0..<calls.count).map(schedule.step(afterCalls:)) == calls)
            #expect(schedule.step(afterCalls: calls.count) == stepCount)
        }
    }

    /// Progress, cost and time left count calls, as schedulers make them.
    @Test(arguments: SamplingMethod.allCases) func requestsKnowTheirCalls(
        _ method: SamplingMethod
    ) throws {
        for steps in [1, 2, 12, 25] {
            let request = GenerationRequest(
                prompt: "a", seed: 1, width: 64, height: 64, inferenceStepCount: steps,
                samplingMethod: method)
            let file = Data(SchedulerTests.published.utf8)
            let scheduler = try SchedulerConfiguration(json: file).makeScheduler(
                method, inferenceStepCount: steps, sampleCount: 1)
            #expect(request.modelCallCount == scheduler.timesteps.count, "\(steps) steps")
        }
    }

    @Test func whatCantBeForecastIsRefused() {
        var request = GenerationRequest(
            prompt: "a", seed: 1, width: 64, height: 64, inferenceStepCount: 20)
        request.forecastInterval = 2
        #expect(throws: Never.self) { try request.validate() }
        #expect(request.modelCallCount == 13)
        func error(_ change: (inout GenerationRequest) -> Void) -> GenerationRequestError? {
            var request = request
            change(&request)
            do { try request.validate() } catch { return error }
            return nil
        }
        #expect(error { $0.forecastInterval = 0 } == .forecastIntervalOutOfRange(0))
        #expect(error { $0.forecastInterval = 5 } == .forecastIntervalOutOfRange(5))
        #expect(error { $0.inferenceStepCount = 11 } == .forecastOfFewSteps(11))
        #expect(error { $0.eta = 0.5 } == .forecastWithEta(0.5))
        for method in SamplingMethod.allCases where !method.traits.canForecast {
            #expect(error { $0.samplingMethod = method } == .forecastOfSampler(method))
        }
        #expect(error { $0.sigmaSchedule = .karras } == .forecastOfSchedule(.karras))
        // Samplers that do not read it.
        #expect(
            error {
                $0.samplingMethod = .dpmPlusPlus2M
                $0.eta = 0.5
            } == nil)
    }
}
