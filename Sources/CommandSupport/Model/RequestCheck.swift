// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Requests
package import StableDiffusion
import TokenMerging

/// What a model says of requests before any weights are loaded: what no worker could generate is
/// refused here, once.
package final class RequestCheck {
    private struct Sampling: Hashable {
        var method: SamplingMethod
        var sigmaSchedule: SigmaSchedule
        var stepCount: Int
        var eta: Float
    }

    /// The model's sizes.
    package let description: ModelDescription
    private let schedulers: SchedulerConfiguration
    private let loraNames: Set<String>
    /// Long prompt files repeat a few settings.
    private var possible: Set<Sampling> = []
    private static let possibleCountMax = 1024

    /// - Throws: `ConfigurationError`, `SchedulerFileError`, and what a file of another kind throws.
    package init(of model: any ModelSource) throws {
        description = try ModelDescription(of: model)
        schedulers = try model.schedulerConfiguration()
        loraNames = Set(model.loras.map(\.name))
    }

    /// Checks LoRAs, size, merging and sampler, and settles the ratio in force.
    ///
    /// - Throws: `PromptNetworkError`, `PictureSizeError`, `TokenMergeConfigurationError`,
    ///   `SchedulerError`.
    package func check(_ request: inout GenerationRequest) throws {
        let named = try PromptNetworks.loras(in: request.prompt)
        if let absent = named.first(where: { !loraNames.contains($0.name) }) {
            throw PromptNetworkError.absent(absent.name)
        }
        try request.settleTokenMerging()
        try description.check(request)
        let sampling = Sampling(
            method: request.samplingMethod, sigmaSchedule: request.sigmaSchedule,
            stepCount: request.inferenceStepCount, eta: request.eta)
        guard !possible.contains(sampling) else { return }
        _ = try schedulers.makeScheduler(
            sampling.method, sigmaSchedule: sampling.sigmaSchedule,
            inferenceStepCount: sampling.stepCount, eta: sampling.eta, sampleCount: 1)
        // A service keeps this for as long as it lives, and clients choose the numbers.
        if possible.count >= Self.possibleCountMax { possible = [] }
        possible.insert(sampling)
    }
}
