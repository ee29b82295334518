// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import Requests
package import ServiceAPI

/// What a service knows of its model before it generates.
package struct ServedModel: Sendable {
    /// Its name and hashes.
    package var record: ModelRecord
    /// Its absolute path; `nil` for the embedded model.
    package var directory: String?
    /// Options that are no part of a request, for batches that are exported.
    package var settings: [String: String]
    /// Turns what a client wrote into requests that the model can generate.
    package var plan: @Sendable (BatchBody) -> Result<PlannedBatch, APIProblem>
    /// How tokens may merge, by the names that requests have.
    package var mergeMethods: [String]
    /// What a request gets that leaves everything open.
    package var defaults: GenerationRequest
    /// Models, samplers, limits and defaults in JSON.
    package var capabilities: String

    /// Describes a model.
    package init(
        record: ModelRecord, directory: String?, settings: [String: String],
        mergeMethods: [String], defaults: GenerationRequest, capabilities: String,
        plan: @escaping @Sendable (BatchBody) -> Result<PlannedBatch, APIProblem>
    ) {
        self.record = record
        self.directory = directory
        self.settings = settings
        self.mergeMethods = mergeMethods
        self.defaults = defaults
        self.capabilities = capabilities
        self.plan = plan
    }
}

/// Requests that a model can generate.
package struct PlannedBatch: Sendable, Equatable {
    /// One per image, with their seeds.
    package var requests: [GenerationRequest]
    /// What will not be generated as it may be meant.
    package var warnings: [String]

    /// Describes a plan.
    package init(requests: [GenerationRequest], warnings: [String] = []) {
        self.requests = requests
        self.warnings = warnings
    }
}
