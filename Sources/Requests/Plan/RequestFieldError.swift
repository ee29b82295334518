// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// An error that knows which field of a request is wrong, by A1111's name of it.
package protocol RequestFieldError: Error {
    /// The field; `nil` where it takes several to be wrong.
    var field: String? { get }
}

extension GenerationRequestError: RequestFieldError {
    package var field: String? {
        switch self {
        case .promptTooLong: "prompt"
        case .sizeOutOfRange(let width, _):
            (GenerationLimits.sideMin...GenerationLimits.sideMax).contains(width)
                ? "height" : "width"
        case .stepCountOutOfRange: "steps"
        case .guidanceScaleOutOfRange: "cfg_scale"
        case .guidanceRescaleOutOfRange: "guidance_rescale"
        case .etaOutOfRange: "eta"
        case .forecastIntervalOutOfRange, .forecastOfFewSteps, .forecastOfSampler,
            .forecastOfSchedule, .forecastWithEta:
            "forecast"
        case .clipSkipOutOfRange: "clip_skip"
        case .tokenMerging: "token_merging"
        }
    }
}
