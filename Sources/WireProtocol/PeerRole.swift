// SPDX-License-Identifier: Apache-2.0

/// The two ends of a connection.
package enum PeerRole: UInt8, Sendable, CaseIterable {
    /// Has the prompts and assigns work; it opens the connection.
    case coordinator = 1
    /// Has the model in memory and samples; it listens.
    case worker = 2
}
