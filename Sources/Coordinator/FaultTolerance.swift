// SPDX-License-Identifier: Apache-2.0

/// How often and how long a coordinator tolerates failing images and workers.
package struct FaultTolerance: Sendable {
    /// Attempts that may fail before an image does.
    package var attemptCountMax = 3
    /// Workers that may be lost while they sample an image before it fails: seldom its own fault.
    package var lossCountMax = 10
    /// Pause before the second attempt; doubled for each further one.
    package var retryPause: Duration = .milliseconds(500)
    /// Longest such pause.
    package var retryPauseMax: Duration = .seconds(30)
    /// Workers that end at the same step of an image before it fails without another attempt; one
    /// more where steps are too fast to be reported one by one.
    package var killCountMax = 2
    /// How long an image that lost its last worker but one waits to learn whether they died.
    package var verdictPause: Duration = .seconds(10)
    /// Failures within `strikeWindow` after which a worker is quarantined.
    package var strikeCountMax = 3
    /// How far back failures count.
    package var strikeWindow: Duration = .seconds(300)
    /// First quarantine of a worker; doubled each time its probe fails.
    package var quarantine: Duration = .seconds(5)
    /// Failed probes after which a worker is excluded.
    package var probeCountMax = 3
    /// Attempts to reach a worker before it may be excluded.
    package var connectCountMax = 3
    /// How long a worker that was there once is tried again, regardless of the others.
    package var reconnectWindow: Duration = .seconds(120)
    /// Whether workers that can't be reached are tried for as long as others work.
    package var triesWhileOthersWork = true

    /// The defaults.
    package init() {}
}
