// SPDX-License-Identifier: Apache-2.0

package import Foundation
package import GenerationTypes

/// What a run is doing at the moment: what `retom-coord status` shows and scripts read.
package struct RunStatus: Codable, Sendable, Equatable {
    /// Images by outcome.
    package struct Images: Codable, Sendable, Equatable {
        package var total = 0
        package var queued = 0
        package var sampling = 0
        package var decoding = 0
        package var written = 0
        package var failed = 0
    }

    /// What a worker is doing.
    package struct Worker: Codable, Sendable, Equatable {
        /// What that is.
        package enum State: String, Codable, Sendable, CaseIterable {
            case drawing
            case idle
            case lost
        }

        package var name: String
        package var state: State
        /// Images finished.
        package var images: Int
        /// The image it samples, its steps done and to do.
        package var image: ImageNumber?
        package var step: Int?
        package var steps: Int?
        /// Its usual time for a step.
        package var secondsPerStep: Double?
        /// Why it is lost.
        package var reason: String?
    }

    package var version: String
    package var processIdentifier: Int32
    package var startedAt: Date
    package var updatedAt: Date
    package var images: Images
    /// Times that an image was given to a worker.
    package var attempts: Int
    /// Failed attempts that were followed by another.
    package var retries: Int
    package var stepsPerSecond: Double
    /// Until all images are finished; `nil` before a step was seen.
    package var remainingSeconds: Double?
    package var workers: [Worker]

    private enum CodingKeys: String, CodingKey {
        case version, images, attempts, retries, workers
        case processIdentifier = "process"
        case startedAt = "started_at"
        case updatedAt = "updated_at"
        case stepsPerSecond = "steps_per_second"
        case remainingSeconds = "remaining_seconds"
    }
}

extension RunStatus.Worker {
    private enum CodingKeys: String, CodingKey {
        case name, state, images, image, step, steps, reason
        case secondsPerStep = "seconds_per_step"
    }
}
