// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The outcome of a run on the cluster.
package struct CoordinatorSummary: Sendable {
    /// Images completed and consumed.
    package var completedCount = 0
    /// Failed images, each with its failed attempts.
    package var failures: [ImageNumber: [FailedAttempt]] = [:]
    /// Bytes on all connections.
    package var traffic = ByteCounts()
    /// Wall-clock seconds of the run.
    package var seconds = 0.0
    /// Seconds all decode threads spent decoding.
    package var decodeSeconds = 0.0

    /// A run in which nothing has happened yet.
    package init() {}
}
