// SPDX-License-Identifier: Apache-2.0

/// Who may ask a run to stop: a signal, say, or a client.
package protocol RunStopping: Sendable {
    /// Whether the run was asked to stop.
    var isStopRequested: Bool { get }

    /// Says how to stop gracefully; called at most once, on any thread.
    ///
    /// A later call replaces an earlier one.
    func onRequest(_ finish: @escaping @Sendable () -> Void)
}
