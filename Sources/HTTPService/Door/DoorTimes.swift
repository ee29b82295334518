// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// How long a door's clients may take, and how long they wait in silence.
package struct DoorTimes: Sendable {
    /// The head of a request: the first one since the connection was made, a later one since its
    /// first byte came.
    package var head = Duration.seconds(10)
    /// Nothing is read of an answer that is waiting to be sent.
    package var stall = Duration.seconds(15)
    /// A connection is silent between requests.
    package var idle = Duration.seconds(75)
    /// A client is answered by then: with its pictures, or with a sign of life.
    package var silenceMax = Duration.seconds(20)
    /// Between two signs of life.
    package var padding = Duration.seconds(15)

    /// What clients and proxies tolerate.
    package init() {}
}
