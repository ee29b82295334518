// SPDX-License-Identifier: Apache-2.0

/// How long either end waits; the defaults suit a local network.
package struct ClusterTimeouts: Sendable {
    /// Until the addresses of a host's name are known.
    package var lookup: Duration = .seconds(10)
    /// From then on, until a TCP connection stands.
    package var connect: Duration = .seconds(5)
    /// From the connection to WELCOME or REFUSE; ends slow-loris handshakes.
    package var handshake: Duration = .seconds(10)
    /// Silence after which a PING goes out.
    package var pingInterval: Duration = .seconds(5)
    /// Silence after which the other end counts as gone.
    package var idle: Duration = .seconds(30)
    /// A worker reports steps about that often, where they are quicker.
    package var progressInterval: Duration = .milliseconds(200)
    /// Times the worker's usual step that a step may take before the worker counts as hung.
    package var stepTimeFactor: Double = 10
    /// Lower bound of that patience.
    package var stepTimeFloor: Duration = .seconds(60)
    /// Patience until the first step of an image is done: warm-up, text encoding.
    package var firstStep: Duration = .seconds(300)
    /// What needs no computing is answered sooner: that an image begins, that one is given back.
    package var answer: Duration = .seconds(5)
    /// Pause before a lost worker is tried again; doubled each time.
    package var reconnect: Duration = .milliseconds(500)
    /// Longest such pause.
    package var reconnectMax: Duration = .seconds(10)
    /// When a worker that is busy with one coordinator tells another to come back; the coordinator
    /// does not come sooner, whatever it is told.
    package var busyRetry: Duration = .seconds(1)
    /// How long a coordinator waits for workers that are busy with another one.
    package var busyMax: Duration = .seconds(600)

    /// The defaults.
    package init() {}
}
