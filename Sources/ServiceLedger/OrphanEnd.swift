// SPDX-License-Identifier: Apache-2.0

/// What became of a batch that no request waited for any more, before it had ended.
package enum OrphanEnd: String, Sendable, CaseIterable {
    /// A repeated request got it.
    case adopted
    /// All its images have their outcomes; it is kept.
    case finished
    /// Its grace was over, or its caller cancelled it.
    case cancelled
}
