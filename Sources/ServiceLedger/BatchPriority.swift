// SPDX-License-Identifier: Apache-2.0

/// How a caller ranks its own batches; it takes nothing from other callers.
package enum BatchPriority: String, Sendable, CaseIterable {
    /// Somebody waits for it.
    case interactive
    /// As good as any other.
    case normal
    /// Whenever nothing else of this caller is to be done.
    case background

    /// Its share of the caller's turns, relative to `normal`.
    package var weight: Double {
        switch self {
        case .interactive: 8
        case .normal: 1
        case .background: 0.125
        }
    }
}
