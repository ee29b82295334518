// SPDX-License-Identifier: Apache-2.0

/// Workers and queue in JSON.
package struct ClusterAnswer: Sendable, Equatable, Encodable {
    /// A worker.
    package struct Worker: Sendable, Equatable, Encodable {
        /// Its address.
        package var name: String
        /// `ready`, `busy` with another coordinator, `quarantined`, `lost` or `refused`.
        package var state: String
        /// Its kernels: bytes are equal within one class.
        package var kernelClass: String?
        /// Its cores.
        package var coreCount: Int?
        /// Images that it samples at the same time.
        package var pictures: Int?
        /// Why it takes no images.
        package var reason: String?
        /// Images that it sampled since the service started.
        package var images: Int

        private enum CodingKeys: String, CodingKey {
            case name, state, reason, images, pictures
            case kernelClass = "kernel_class"
            case coreCount = "cores"
        }

        /// Describes a worker that has not answered yet.
        package init(name: String) {
            self.name = name
            state = "connecting"
            images = 0
        }
    }

    /// The queue.
    package struct Queue: Sendable, Equatable, Encodable {
        /// Batches that have not ended.
        package var batches: Int
        /// Their images without an outcome.
        package var images: Int
        /// Callers that have such batches.
        package var callers: Int
        /// Smoothed seconds that an image takes.
        package var imageSeconds: Double?

        private enum CodingKeys: String, CodingKey {
            case batches, images, callers
            case imageSeconds = "image_seconds"
        }

        /// Describes a queue.
        package init(batches: Int, images: Int, callers: Int, imageSeconds: Double?) {
            self.batches = batches
            self.images = images
            self.callers = callers
            self.imageSeconds = imageSeconds
        }
    }

    /// The program, such as `retom 0.2.0`.
    package var version: String
    /// All workers.
    package var workers: [Worker]
    /// The queue.
    package var queue: Queue

    /// Describes a cluster.
    package init(version: String, workers: [Worker], queue: Queue) {
        self.version = version
        self.workers = workers
        self.queue = queue
    }
}
