// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A run apart from its images: everything that resuming needs to know.
package struct StoredRun: Sendable, Equatable, Codable {
    /// Name of the coordinator towards its workers, 16 random bytes: a worker that keeps results of
    /// an earlier session recognises the next one by it.
    package var instance: [UInt8]
    /// Key by which the run recognises the leases of its earlier sessions, 32 random bytes.
    ///
    /// No worker learns it. `nil` in runs of older builds.
    package var leaseKey: [UInt8]?
    /// Directory of the model as it was given; `nil` for the embedded one.
    package var modelDirectory: String?
    /// The weights that every image of the run is sampled with.
    package var model: ModelFingerprint
    /// Seed of image 0.
    package var baseSeed: UInt64
    /// Whether it was chosen at random.
    package var isBaseSeedRandom: Bool
    /// Images per prompt.
    package var batchCount: Int
    /// Options that are no part of a request: precision, backend, merging.
    package var settings: [String: String]
    /// Whether the latents of each picture are written beside it too.
    package var savesLatents: Bool

    /// Describes a run.
    package init(
        instance: [UInt8], leaseKey: [UInt8]?, modelDirectory: String?, model: ModelFingerprint,
        baseSeed: UInt64,
        isBaseSeedRandom: Bool, batchCount: Int, settings: [String: String], savesLatents: Bool
    ) {
        self.instance = instance
        self.leaseKey = leaseKey
        self.modelDirectory = modelDirectory
        self.model = model
        self.baseSeed = baseSeed
        self.isBaseSeedRandom = isBaseSeedRandom
        self.batchCount = batchCount
        self.settings = settings
        self.savesLatents = savesLatents
    }
}

/// One session of a run's coordinator, from its start to its end or its death.
package struct StoredSession: Sendable, Equatable {
    /// Which one, from 1; no two sessions grant leases with the same token.
    package var number: Int
    /// When it began, in seconds since 1970.
    package var startedAt: Double
    /// When it ended; `nil` if it was killed.
    package var finishedAt: Double?
    /// Bytes on the wire; 0 if it was killed.
    package var traffic = ByteCounts()

    /// So many sessions have tokens of their own.
    static let numbers = 1...(1 << 20 - 1)
}
