// SPDX-License-Identifier: Apache-2.0

/// Bytes sent and received on the wire.
package struct ClusterTraffic: Sendable, Equatable {
    /// Bytes received, headers included.
    package var receivedByteCount = 0
    /// Bytes sent, headers included.
    package var sentByteCount = 0
    /// Size of the received frames without compression.
    package var receivedRawByteCount = 0
    /// Size of the sent frames without compression.
    package var sentRawByteCount = 0
    /// RESULT frames received.
    package var resultCount = 0
    /// Bytes of those frames on the wire.
    package var resultByteCount = 0
    /// Bytes of those frames without compression.
    package var resultRawByteCount = 0

    /// No bytes yet.
    package init() {}
}
