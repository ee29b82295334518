// SPDX-License-Identifier: Apache-2.0

/// Where a batch stands.
package enum BatchStatus: String, Sendable, CaseIterable {
    /// None of its images has begun.
    case queued
    /// At least one image has begun.
    case generating
    /// Every image has its picture.
    case completed
    /// Every image has its outcome, and at least one of them failed.
    case failed
    /// Its images without an outcome are not wanted any more.
    case cancelled

    /// Whether nothing more comes of the batch.
    package var isFinal: Bool { self != .queued && self != .generating }
}
