// SPDX-License-Identifier: Apache-2.0

package import Foundation
package import GenerationTypes

/// What a run is doing at the moment: what `retom-coord status` shows and scripts read.
package struct RunStatus: Codable, Sendable, Equatable {
    /// Images by outcome.
    package struct Images: Codable, Sendable, Equatable {
        /// Asked for.
        package var total = 0
        /// Waiting for a worker.
        package var queued = 0
        /// With a worker that samples them.
        package var sampling = 0
        /// Sampled; the picture is not written yet.
        package var decoding = 0
        /// With a picture.
        package var written = 0
        /// Failed for good.
        package var failed = 0
    }

    /// What a worker is doing.
    package struct Worker: Codable, Sendable, Equatable {
        /// What that is.
        package enum State: String, Codable, Sendable, CaseIterable {
            /// It samples an image.
            case drawing
            /// It waits for one.
            case idle
            /// It is gone, for a reason.
            case lost
        }

        /// Its address, as the user wrote it.
        package var name: String
        /// What it does now.
        package var state: State
        /// Images finished.
        package var images: Int
        /// The image it samples; `nil` while it samples none.
        package var image: ImageNumber?
        /// Steps of that image that are done.
        package var step: Int?
        /// All steps of that image.
        package var steps: Int?
        /// Its usual time for a step; `nil` before the first.
        package var secondsPerStep: Double?
        /// Why it is lost.
        package var reason: String?
    }

    /// The program, such as `retom 0.1.0`.
    package var version: String
    /// The coordinator's process.
    package var processIdentifier: Int32
    /// When this session began.
    package var startedAt: Date
    /// When all this was true.
    package var updatedAt: Date
    /// Images by outcome.
    package var images: Images
    /// Times that an image was given to a worker.
    package var attempts: Int
    /// Failed attempts that were followed by another.
    package var retries: Int
    /// Denoising steps per second of all workers.
    package var stepsPerSecond: Double
    /// Seconds until all images are finished; `nil` before a step was seen.
    package var remainingSeconds: Double?
    /// Workers in the order they came.
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
