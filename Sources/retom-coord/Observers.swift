// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Logging
internal import NodeSupport

/// Who is told how a run is getting on.
struct Observers: Sendable {
    let progress: ProgressFeed
    let numbers: RunMetrics
    let logger: Logger
    /// Where the numbers are served, if they are.
    let metrics: MetricsOptions
}
