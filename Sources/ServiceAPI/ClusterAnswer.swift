// SPDX-License-Identifier: Apache-2.0

/// Workers and queue in JSON.
package struct ClusterAnswer: Sendable, Equatable, Encodable {
    /// A worker.
    package struct Worker: Sendable, Equatable, Encodable {
        /// Its address.
        package var name: String
        /// `ready`, `draining`, `drained`, `busy` with another coordinator, `quarantined`, `lost`,
        /// `refused` or `connecting`.
        package var state: String
        /// Whether an administrator drained it: it gets no images until it is resumed.
        package var isSetAside = false
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
            case isSetAside = "drain"
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

    /// What a caller waits for.
    package struct Caller: Sendable, Equatable, Encodable {
        /// The name of its key, or `local`.
        package var name: String
        /// Batches that have not ended.
        package var batches: Int
        /// Their images without an outcome.
        package var images: Int
        /// Those of these that nobody has.
        package var waiting: Int

        /// Describes a caller.
        package init(name: String, batches: Int, images: Int, waiting: Int) {
            self.name = name
            self.batches = batches
            self.images = images
            self.waiting = waiting
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
        /// Those callers, the ones with the most images first; for administrators only.
        package var byCaller: [Caller]?

        private enum CodingKeys: String, CodingKey {
            case batches, images, callers
            case imageSeconds = "image_seconds"
            case byCaller = "by_caller"
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
