// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What a coordinator reports while it runs, in the order it happens.
///
/// `worker` is the address as the user wrote it.
package enum CoordinatorEvent: Sendable, Equatable {
    /// A worker connected and takes images.
    case workerJoined(worker: String, WorkerDescription)
    /// A worker can't be used in this run: another model, another protocol.
    case workerRefused(worker: String, reason: String)
    /// A worker is busy with another coordinator and is tried again later.
    case workerBusy(worker: String, reason: String)
    /// A worker could not be reached or its connection ended; `willRetry`: it is tried again.
    case workerLost(worker: String, reason: String, willRetry: Bool)
    /// A worker failed too often: it gets nothing for a while, then one image as a probe.
    case workerQuarantined(worker: String, reason: String, seconds: Double)
    /// A quarantined worker passed its probe.
    case workerReturned(worker: String)
    /// A worker that an operator drains finishes what it samples.
    case workerDraining(worker: String)
    /// A worker that an operator drains is connected and has nothing any more.
    case workerDrained(worker: String)
    /// A worker that was drained gets images again.
    case workerResumed(worker: String)
    /// An image was leased to a worker; towards the end of a batch two may generate the same one.
    case assigned(image: ImageNumber, worker: String, attempt: Int)
    /// A worker began an image (step 0) or finished `newSteps` steps that took `seconds` each.
    case progress(
        image: ImageNumber, worker: String, step: Int, stepCount: Int, newSteps: Int,
        seconds: Double)
    /// A worker resumes an image from its checkpoint.
    case resumed(image: ImageNumber, worker: String, step: Int)
    /// A worker took an image and neither begins it nor gives it back: another one generates it
    /// too.
    case imageOverdue(image: ImageNumber, worker: String, seconds: Double)
    /// A worker does not know a part of an image's request, and the image waits for another one.
    /// Reported once for each reason, however many images have it.
    case notUnderstood(image: ImageNumber, worker: String, reason: String)
    /// What a watched image may become.
    case previewed(image: ImageNumber, LatentPreview)
    /// An attempt failed, and the image waits for another.
    case retried(image: ImageNumber, failure: FailedAttempt)
    /// The latents of an image are stored; decoding comes next.
    case completed(ImageResult)
    /// An image has no result, for these reasons.
    case failed(image: ImageNumber, failures: [FailedAttempt])
    /// An image's batch was cancelled or came too late, or all were cancelled: it will have no
    /// result.
    case cancelled(image: ImageNumber)
    /// Two workers of one kernel class returned different latents for one request: one of them is
    /// broken. The first result stays.
    case resultsDiffer(image: ImageNumber, worker: String, firstWorker: String)
}

/// A worker as it describes itself.
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
    /// Images that it samples at the same time.
    package var pictureCount: Int

    /// Makes a description.
    package init(
        name: String, build: String, kernelClass: String, coreCount: Int, memoryByteCount: UInt64,
        pictureCount: Int = 1
    ) {
        self.name = name
        self.build = build
        self.kernelClass = kernelClass
        self.coreCount = coreCount
        self.memoryByteCount = memoryByteCount
        self.pictureCount = pictureCount
    }
}
