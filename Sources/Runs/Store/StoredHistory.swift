// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Everything that is stored of a run but latents and checkpoints.
package struct StoredHistory: Sendable {
    /// The run as a whole.
    package var run: StoredRun
    /// One per image, in order.
    package var requests: [GenerationRequest]
    /// All sessions so far.
    package var sessions: [StoredSession]
    /// Results by image.
    package var results: [ImageNumber: ImageResult]
    /// Pictures by image.
    package var pictures: [ImageNumber: StoredPicture]
    /// Failed attempts by image, over all sessions, in the order they were stored.
    package var failures: [ImageNumber: [FailedAttempt]]
    /// Images whose last failure was final.
    package var finalFailures: Set<ImageNumber>

    /// All images, in order.
    package var images: [ImageNumber] { requests.indices.map { ImageNumber($0) } }

    /// What was asked for.
    package func request(of image: ImageNumber) -> GenerationRequest { requests[image.rawValue] }

    /// Images that have no outcome yet.
    package var openImages: [ImageNumber] {
        images.filter { results[$0] == nil && !hasFailed($0) }
    }

    /// Images with latents but no picture.
    package var undecodedImages: [ImageNumber] {
        images.filter { results[$0] != nil && pictures[$0] == nil }
    }

    /// Whether an image failed.
    package func hasFailed(_ image: ImageNumber) -> Bool {
        results[image] == nil && finalFailures.contains(image)
    }

    /// Whether an image has latents of which no picture could be made.
    package func hasFailedToDecode(_ image: ImageNumber) -> Bool {
        results[image] != nil && pictures[image] == nil && finalFailures.contains(image)
    }

    /// Makes failed images pending again, as `RunStore.reopenFailures` does on the disk.
    package mutating func reopenFailures() {
        for image in finalFailures where hasFailedToDecode(image) { results[image] = nil }
        finalFailures = []
    }
}
