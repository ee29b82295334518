// SPDX-License-Identifier: Apache-2.0

extension SchedulerConfiguration {
    /// Reads a model's `scheduler/scheduler_config.json` as diffusers' `StableDiffusionPipeline`
    /// does.
    ///
    /// - Throws: `ConfigurationError`, `SchedulerFileError`.
    package static func load(from model: ModelDirectory) throws -> SchedulerConfiguration {
        let directory = try model.component("scheduler")
        let path = "\(directory)/scheduler_config.json"
        let data = try model.files.read(path)
        do throws(SchedulerError) {
            return try SchedulerConfiguration(json: data).correctedForStableDiffusion()
        } catch {
            throw SchedulerFileError(directory: directory, error: error)
        }
    }
}

/// An unusable scheduler configuration, with its path.
package struct SchedulerFileError: Error, Equatable, CustomStringConvertible {
    /// The model's `scheduler` directory.
    package let directory: String
    package let error: SchedulerError

    package var description: String { "\(directory): \(error)" }
}
