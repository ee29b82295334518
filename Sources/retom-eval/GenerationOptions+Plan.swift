// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import GenerationTypes
internal import StableDiffusion

extension GenerationOptions {
    /// One request per picture, without merging.
    ///
    /// - Parameter check: what else must hold of a request.
    func plan(
        _ entries: [PromptEntry], for description: ModelDescription,
        check: (GenerationRequest) throws -> Void = { _ in }
    ) throws -> RequestPlan {
        var generator = SystemRandomNumberGenerator()
        return try RequestPlan(
            entries: entries,
            settings: settings(
                defaultWidth: description.defaultWidth, defaultHeight: description.defaultHeight,
                tokenMerging: .none),
            seed: seedChoice ?? .random, batchCount: batchCount,
            check: { request in
                try description.check(request)
                try check(request)
            }, using: &generator)
    }

    /// What all pictures share, for people.
    func facts(_ compute: ComputeOptions) -> [String] {
        [
            "\(steps) steps", samplingMethod, "guidance \(cfgScale)",
            "precision \(compute.precision)", "\(compute.threads) threads",
        ]
    }
}
