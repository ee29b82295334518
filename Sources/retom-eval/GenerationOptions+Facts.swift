// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport

extension GenerationOptions {
    /// What all pictures share, for people.
    func facts(_ compute: ComputeOptions) -> [String] {
        [
            "\(steps) steps", samplingMethod, "guidance \(cfgScale)",
            "precision \(compute.precision)", "\(compute.threads) threads",
        ]
    }
}
