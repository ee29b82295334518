// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What a coordinator reports while it runs, in the order it happens.
///
/// `item` is the position of a request in the run; `worker` is the address as the user wrote it.
package enum CoordinatorEvent: Sendable, Equatable {
    /// A worker shook hands.
    case workerJoined(worker: String, WorkerDescription)
    /// A worker can't be used in this run: another model, another protocol.
    case workerRefused(worker: String, reason: String)
    /// A worker is busy with another coordinator and is asked again later.
    case workerBusy(worker: String, reason: String)
    /// A worker could not be reached or broke off; `willRetry` says whether it is tried again.
    case workerLost(worker: String, reason: String, willRetry: Bool)
    /// A worker failed too often: it gets nothing for a while, and then one image to prove itself.
    case workerQuarantined(worker: String, reason: String, seconds: Double)
    /// A quarantined worker proved itself.
    case workerReturned(worker: String)
    /// An image was leased to a worker; towards the end of a run two may draw the same one.
    case assigned(item: Int, worker: String, attempt: Int)
    /// A worker began an image (step 0) or finished `newSteps` steps that took `seconds` each.
    case progress(
        item: Int, worker: String, step: Int, stepCount: Int, newSteps: Int, seconds: Double)
    /// A worker goes on with an image where another one left it.
    case resumed(item: Int, worker: String, step: Int)
    /// A worker took an image and neither begins it nor gives it back: another one draws it, too.
    case imageOverdue(item: Int, worker: String, seconds: Double)
    /// A worker does not know a part of an image's request, and the image waits for another one.
    /// Said once for each reason, however many images have it.
    case notUnderstood(item: Int, worker: String, reason: String)
    /// An attempt failed, and the image waits for another.
    case retried(item: Int, failure: AttemptFailure)
    /// The latents of an image are here; decoding comes next.
    case completed(
        item: Int, worker: String, attempt: Int, timings: GenerationTimings, sha256: String)
    /// An image has no result, for these reasons.
    case failed(item: Int, failures: [AttemptFailure])
    /// Two workers of one kernel class returned different latents for one request: one of them is
    /// broken. The first result stays.
    case resultsDiffer(item: Int, worker: String, firstWorker: String)
}

/// What people want to know of a worker.
package struct WorkerDescription: Sendable, Equatable {
    /// Its own name.
    package var name: String
    /// Version and build.
    package var build: String
    /// Results of equal classes are equal to the last bit.
    package var kernelClass: String
    /// Cores it computes with.
    package var coreCount: Int
    /// Physical memory in bytes.
    package var memoryByteCount: UInt64

    /// Makes a description.
    package init(
        name: String, build: String, kernelClass: String, coreCount: Int, memoryByteCount: UInt64
    ) {
        self.name = name
        self.build = build
        self.kernelClass = kernelClass
        self.coreCount = coreCount
        self.memoryByteCount = memoryByteCount
    }
}

/// Why one attempt at an image brought nothing.
package struct AttemptFailure: Sendable, Equatable, CustomStringConvertible {
    /// Who tried; empty when no worker did.
    package var worker: String
    /// Which attempt, from 1; 0 when no worker tried.
    package var attempt: Int
    /// One sentence.
    package var reason: String

    /// Makes a record.
    package init(worker: String, attempt: Int, reason: String) {
        self.worker = worker
        self.attempt = attempt
        self.reason = reason
    }

    /// Why images are left when all workers are gone: no fault of theirs, a later life may draw them.
    static let noWorkerLeft = AttemptFailure(
        worker: "", attempt: 0, reason: "no usable worker is left")

    /// Why an image fails that every worker which is left has given back for one reason.
    static func notUnderstood(by worker: String, reason: String) -> AttemptFailure {
        AttemptFailure(
            worker: "", attempt: 0,
            reason: "no worker can draw it; \(worker) says: \(reason)")
    }

    /// As people read it: `host:7400, attempt 2: no step progress for 60 s`.
    package var description: String {
        worker.isEmpty ? reason : "\(worker), attempt \(attempt): \(reason)"
    }
}
