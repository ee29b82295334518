// SPDX-License-Identifier: Apache-2.0

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
    case imageKept(index: Int, KeptOutcome)
    /// A worker takes part from now on.
    case workerConnected(worker: String, kernelClass: String)
    /// A worker is gone; its images go to others.
    case workerLost(worker: String, reason: String)
    /// A worker was given an image; it may still be busy with another.
    case imageStarted(index: Int, worker: String, attempt: Int)
    /// A worker has done `step` denoising steps of an image; 0 says that it began.
    case imageProgress(index: Int, worker: String, step: Int, stepCount: Int)
    /// A worker resumes an image from the checkpoint that was made after `step`.
    case imageResumed(index: Int, worker: String, step: Int)
    /// The latents of an image arrived; it waits to be decoded.
    case imageSampled(index: Int, worker: String)
    /// A picture is on disk. `seconds` is all work spent on it.
    case imageWritten(index: Int, worker: String, file: String, seconds: Double)
    /// An attempt failed; the image goes back to the queue.
    case imageRetried(index: Int, worker: String, reason: String)
    /// An image has failed.
    case imageFailed(index: Int, reason: String)
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
    package var imageIndex: Int? {
        switch self {
        case .imageStarted(let index, _, _), .imageProgress(let index, _, _, _),
            .imageSampled(let index, _), .imageWritten(let index, _, _, _),
            .imageRetried(let index, _, _), .imageFailed(let index, _), .imageKept(let index, _),
            .imageResumed(let index, _, _):
            index
        case .runStarted, .runAccepted, .workerConnected, .workerLost, .notice, .warning,
            .runFinished:
            nil
        }
    }
}
