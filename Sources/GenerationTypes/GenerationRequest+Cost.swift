// SPDX-License-Identifier: Apache-2.0

extension GenerationRequest {
    /// Calls of the U-Net, forecast ones not counted: the unit of progress, cost and checkpoints.
    ///
    /// As `scheduler_config.json` usually has it; a model's file may make PNDM take more.
    package var modelCallCount: Int {
        switch samplingMethod {
        case .heun: 2 * inferenceStepCount - 1
        case .pndm: inferenceStepCount == 1 ? 1 : inferenceStepCount + 1
        case .ddim, .euler, .eulerAncestral, .lms, .dpmPlusPlus2M, .uniPC, .lcm, .tcd:
            ForecastSchedule(stepCount: inferenceStepCount, interval: forecastInterval).callCount
        }
    }
}
