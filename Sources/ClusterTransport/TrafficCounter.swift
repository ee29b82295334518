// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Synchronization
import WireProtocol

/// Counts the bytes of a group of connections; shared by their handlers.
package final class TrafficCounter: Sendable {
    private let counts = Mutex(ByteCounts())

    /// Starts at nothing.
    package init() {}

    /// What was counted so far.
    package var snapshot: ByteCounts { counts.withLock { $0 } }

    func received(byteCount: Int) {
        counts.withLock { $0.received += byteCount }
    }

    func sent(byteCount: Int) {
        counts.withLock { $0.sent += byteCount }
    }

    /// Counts the latents of a RESULT frame.
    func received(_ header: FrameHeader) {
        guard header.type == .result else { return }
        counts.withLock {
            $0.latents += WireLimits.headerByteCount + header.contentByteCount
            $0.compressedLatents += WireLimits.headerByteCount + header.payloadByteCount
        }
    }
}
