// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import Requests

/// The model of a service's batches, with everything that resuming one of them elsewhere needs.
package struct StoredModel: Sendable, Equatable, Codable {
    /// Its name and hashes.
    package var record: ModelRecord
    /// Its absolute path; `nil` for the embedded model.
    package var directory: String?
    /// The weights.
    package var fingerprint: ModelFingerprint
    /// Options that are no part of a request: precision, backend, what is added to the model.
    package var settings: [String: String]

    /// Describes a model.
    package init(
        record: ModelRecord, directory: String?, fingerprint: ModelFingerprint,
        settings: [String: String]
    ) {
        self.record = record
        self.directory = directory
        self.fingerprint = fingerprint
        self.settings = settings
    }
}

/// From which image on a service has a model.
struct ModelPeriod: Codable {
    var firstImage: Int
    var model: StoredModel
}
