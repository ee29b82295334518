// SPDX-License-Identifier: Apache-2.0

/// The time merging itself takes inside U-Net calls, apart from what it saves: seconds by lane.
///
/// Lanes may add to it concurrently.
package final class TokenMergeTimes {
    /// The timed parts.
    package enum Part: Int, CaseIterable, Sendable {
        /// Choosing tokens.
        case planning
        /// Lanes waiting for each other, and for the one that makes their plan.
        ///
        /// Some of it would be spent at the end of the call anyway, where lanes wait too.
        case meeting
        /// Merging and unmerging rows, and counting them for proportional attention.
        case applying
    }

    /// A cache line for each lane.
    private static let stride = 16
    private static let laneCount = 2
    private let seconds: UnsafeMutablePointer<Double>
    private let clock = ContinuousClock()

    package init() {
        seconds = .allocate(capacity: Self.laneCount * Self.stride)
        reset()
    }

    deinit { seconds.deallocate() }

    /// Resets all times.
    package func reset() {
        seconds.initialize(repeating: 0, count: Self.laneCount * Self.stride)
    }

    /// Seconds of one part, both halves together.
    package func total(_ part: Part) -> Double {
        (0..<Self.laneCount).reduce(0) { $0 + seconds[$1 * Self.stride + part.rawValue] }
    }

    /// Seconds of all parts, both halves together.
    package var total: Double { Part.allCases.reduce(0) { $0 + total($1) } }

    /// Runs the closure and adds the time it took.
    ///
    /// - Parameter half: the first half that the lane runs.
    func measure<Result>(_ part: Part, half: Int, _ body: () -> Result) -> Result {
        let start = clock.now
        let result = body()
        seconds[half * Self.stride + part.rawValue] += (clock.now - start) / .seconds(1)
        return result
    }
}

extension TokenMergeRun {
    /// Runs a part of merging, timed if requested.
    func timed<Result>(
        _ part: TokenMergeTimes.Part, half: Int, _ body: () -> Result
    ) -> Result {
        guard let times else { return body() }
        return times.measure(part, half: half, body)
    }
}
