// SPDX-License-Identifier: Apache-2.0

/// Where a run becomes durable, so that no crash can lose it.
///
/// Called on threads that may wait for the disk.
package protocol RunStoring: Sendable {
    /// Writes latents; returns when they are on the disk. May be called on several threads at once.
    func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws

    /// Stores results, whose latents are written, and failed attempts: all of them or none.
    ///
    /// Returns when they are on the disk.
    func commit(_ entries: [RunEntry]) throws

    /// Keeps the newest checkpoint of an image that has no outcome, in place of an earlier one.
    ///
    /// Losing it costs steps only.
    func keep(_ checkpoint: SamplingCheckpoint, of image: ImageNumber) throws
}

/// One change of a run's state that must survive a crash.
package enum RunEntry: Sendable, Equatable {
    /// An image has its result.
    case result(ImageResult)
    /// An attempt failed; after a final one the image has failed.
    case failure(ImageNumber, FailedAttempt, isFinal: Bool)
    /// A stored result turned out unusable: the image is pending again.
    case forgotten(ImageNumber)

    /// Which image changed.
    package var image: ImageNumber {
        switch self {
        case .result(let result): result.image
        case .failure(let image, _, _), .forgotten(let image): image
        }
    }
}
