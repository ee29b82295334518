// SPDX-License-Identifier: Apache-2.0

import WireProtocol

/// How often workers save what another one would need.
package enum CheckpointPolicy: Sendable, Equatable {
    /// About every ten seconds of sampling.
    case automatic
    /// After so many steps; 0 for never.
    case every(Int)

    /// Sampling that a lost worker may cost, in seconds.
    private static let seconds = 10.0
    /// The interval while nobody knows how long steps take.
    private static let stepCount = 5

    /// Steps from one checkpoint to the next for a worker that takes so long for one; 0 for none.
    func interval(stepSeconds: Double?) -> Int {
        switch self {
        case .every(let count): return min(max(0, count), WireLimits.checkpointIntervalMax)
        case .automatic:
            guard let stepSeconds else { return Self.stepCount }
            let count = (Self.seconds / max(stepSeconds, 1e-3)).rounded(.up)
            return min(max(1, Int(count)), WireLimits.checkpointIntervalMax)
        }
    }
}
