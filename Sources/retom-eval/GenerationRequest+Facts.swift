// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import GenerationTypes

extension GenerationRequest {
    /// The facts shared by all pictures of a run, for people.
    func facts(_ compute: ComputeOptions) -> [String] {
        [
            "\(inferenceStepCount) steps", samplingMethod.rawValue, "guidance \(guidanceScale)",
            "precision \(compute.precision ?? "auto")", "\(compute.threads) threads",
        ]
    }
}
