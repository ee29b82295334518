// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

extension SchedulerConfiguration {
    /// Reads a model's `scheduler/scheduler_config.json` as diffusers' `StableDiffusionPipeline`
    /// does.
    ///
    /// - Throws: `ConfigurationError`, `SchedulerError`.
    package static func load(from model: ModelDirectory) throws -> SchedulerConfiguration {
        let path = "\(try model.component("scheduler"))/scheduler_config.json"
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw ConfigurationError(path: path, problem: .missingFile)
        }
        return try SchedulerConfiguration(json: data).correctedForStableDiffusion()
    }
}
