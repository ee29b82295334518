// SPDX-License-Identifier: Apache-2.0

/// How long a request may wait in silence.
package struct WaitingTimes: Sendable {
    /// A client is answered by then: with its pictures, or with a sign of life.
    package var silenceMax = Duration.seconds(20)
    /// Between two signs of life.
    package var padding = Duration.seconds(15)

    /// What clients and proxies tolerate.
    package init() {}
}
