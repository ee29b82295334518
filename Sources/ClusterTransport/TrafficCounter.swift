// SPDX-License-Identifier: Apache-2.0

import Synchronization
import WireProtocol

/// Counts the bytes of a group of connections; shared by their handlers.
package final class TrafficCounter: Sendable {
    private let traffic = Mutex(ClusterTraffic())

    /// Starts at zero.
    package init() {}

    /// The counts so far.
    package var snapshot: ClusterTraffic { traffic.withLock { $0 } }

    func received(byteCount: Int) {
        traffic.withLock { $0.receivedByteCount += byteCount }
    }

    func sent(byteCount: Int) {
        traffic.withLock { $0.sentByteCount += byteCount }
    }

    func received(_ header: FrameHeader) {
        let rawByteCount = WireLimits.headerByteCount + header.contentByteCount
        traffic.withLock {
            $0.receivedRawByteCount += rawByteCount
            guard header.type == .result else { return }
            $0.resultCount += 1
            $0.resultByteCount += WireLimits.headerByteCount + header.payloadByteCount
            $0.resultRawByteCount += rawByteCount
        }
    }

    func sent(_ header: FrameHeader) {
        traffic.withLock {
            $0.sentRawByteCount += WireLimits.headerByteCount + header.contentByteCount
        }
    }
}
