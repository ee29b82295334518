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
    package var results: [Int: ImageResult]
    /// Pictures by image.
    package var pictures: [Int: StoredPicture]
    /// Failed attempts by image, over all sessions, in the order they were stored.
    package var failures: [Int: [FailedAttempt]]
    /// Images whose last failure was final.
    package var finalFailures: Set<Int>

    /// Images that have no outcome yet.
    package var openItems: [Int] {
        requests.indices.filter { results[$0] == nil && !hasFailed($0) }
    }

    /// Images with latents but no picture.
    package var undecodedItems: [Int] {
        requests.indices.filter { results[$0] != nil && pictures[$0] == nil }
    }

    /// Whether an image failed.
    package func hasFailed(_ item: Int) -> Bool {
        results[item] == nil && finalFailures.contains(item)
    }

    /// Whether an image has latents of which no picture could be made.
    package func hasFailedToDecode(_ item: Int) -> Bool {
        results[item] != nil && pictures[item] == nil && finalFailures.contains(item)
    }

    /// Makes failed images pending again, as `RunStore.reopenFailures` does on the disk.
    package mutating func reopenFailures() {
        for item in finalFailures where hasFailedToDecode(item) { results[item] = nil }
        finalFailures = []
    }
}
