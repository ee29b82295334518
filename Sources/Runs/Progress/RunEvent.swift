// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// An image's outcome in an earlier session.
package enum KeptOutcome: String, Sendable {
    /// The picture is there.
    case written
    /// Its latents are, and wait to be decoded.
    case sampled
    /// It failed.
    case failed
}

/// What happens in a run, as progress displays and `--json` tell it.
///
/// Images are numbered from 0.
package enum RunEvent: Sendable, Equatable {
    /// Work begins: the steps of every image, in order, and the seed of image 0.
    case runStarted(stepCounts: [Int], baseSeed: UInt64)
    /// All requests are on the disk: whatever happens now, `--resume` continues the run.
    case runAccepted(imageCount: Int, openCount: Int)
    /// An image has an outcome from an earlier session.
    case imageKept(image: ImageNumber, KeptOutcome)
    /// A worker takes part from now on, with so many images at a time.
    case workerConnected(worker: String, kernelClass: String, pictures: Int = 1)
    /// A worker is gone; its images go to others.
    case workerLost(worker: String, reason: String)
    /// A worker was given an image; it may still be busy with another.
    case imageStarted(image: ImageNumber, worker: String, attempt: Int)
    /// A worker has done `step` denoising steps of an image; 0 says that it began.
    case imageProgress(image: ImageNumber, worker: String, step: Int, stepCount: Int)
    /// A worker resumes an image from the checkpoint that was made after `step`.
    case imageResumed(image: ImageNumber, worker: String, step: Int)
    /// The latents of an image arrived; it waits to be decoded.
    case imageSampled(image: ImageNumber, worker: String)
    /// A picture is on disk. `seconds` is all work spent on it.
    case imageWritten(image: ImageNumber, worker: String, file: String, seconds: Double)
    /// An attempt failed; the image goes back to the queue.
    case imageRetried(image: ImageNumber, worker: String, reason: String)
    /// An image has failed.
    case imageFailed(image: ImageNumber, reason: String)
    /// How this run is done, where that differs from other models' runs.
    case notice(String)
    /// Something the user should know.
    case warning(String)
    /// All images are written or failed; `kept` of the written ones are from an earlier session.
    case runFinished(written: Int, failed: Int, kept: Int = 0, seconds: Double)
}

extension RunEvent {
    /// Whether people want to know even if they want no progress.
    package var isTrouble: Bool {
        switch self {
        case .imageFailed, .warning: true
        default: false
        }
    }

    /// The image that the event is about, if it is about one.
    package var image: ImageNumber? {
        switch self {
        case .imageStarted(let image, _, _), .imageProgress(let image, _, _, _),
            .imageSampled(let image, _), .imageWritten(let image, _, _, _),
            .imageRetried(let image, _, _), .imageFailed(let image, _), .imageKept(let image, _),
            .imageResumed(let image, _, _):
            image
        case .runStarted, .runAccepted, .workerConnected, .workerLost, .notice, .warning,
            .runFinished:
            nil
        }
    }
}
