// SPDX-License-Identifier: Apache-2.0

/// The timeouts of both ends; the defaults suit a local network.
package struct ClusterTimeouts: Sendable {
    /// Until a host name is resolved.
    package var lookup: Duration = .seconds(10)
    /// From then until a TCP connection is established.
    package var connect: Duration = .seconds(5)
    /// From the connection to WELCOME or REFUSE; ends slow-loris handshakes.
    package var handshake: Duration = .seconds(10)
    /// Silence after which a PING goes out.
    package var pingInterval: Duration = .seconds(5)
    /// Silence after which the other end counts as lost.
    package var idle: Duration = .seconds(30)
    /// Interval of a worker's progress reports, if steps are shorter.
    package var progressInterval: Duration = .milliseconds(200)
    /// Multiple of the worker's usual step time after which the worker counts as hung.
    package var stepTimeFactor: Double = 10
    /// Lower bound of that limit.
    package var stepTimeFloor: Duration = .seconds(60)
    /// Limit for the first step of an image: warm-up, text encoding.
    package var firstStep: Duration = .seconds(300)
    /// Limit for answers that need no computing: that an image has started, or was returned.
    package var answer: Duration = .seconds(5)
    /// Pause before reconnecting to a lost worker; doubled each time.
    package var reconnect: Duration = .milliseconds(500)
    /// Maximum of that pause.
    package var reconnectMax: Duration = .seconds(10)
    /// Retry interval that a worker busy with one coordinator gives to another; the coordinator
    /// does not retry sooner, whatever interval a worker gives.
    package var busyRetry: Duration = .seconds(1)
    /// How long a coordinator waits for workers that are busy with another coordinator.
    package var busyMax: Duration = .seconds(600)

    /// The defaults.
    package init() {}
}
