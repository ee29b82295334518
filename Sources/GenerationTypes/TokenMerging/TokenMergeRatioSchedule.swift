// SPDX-License-Identifier: Apache-2.0

/// How the merge ratio changes over the U-Net calls of one image.
///
/// The ratio moves in a few equal steps, because each ratio is a shape of its own, and a new ratio
/// makes a new plan at once.
public struct TokenMergeRatioSchedule: Sendable, Hashable, Codable {
    /// The ratio at the end; none keeps it constant.
    ///
    /// ToMeSD's best schedule is 0.6 → 0.4.
    public var endRatio: Double?
    /// Distinct ratios from start to end, at least 2.
    public var levelCount: Int
    /// Share of the calls after which nothing is merged any more, 0…1; 1 merges to the end.
    public var stop: Double

    /// A schedule; without arguments, the same ratio in all calls.
    public init(endRatio: Double? = nil, levelCount: Int = 4, stop: Double = 1) {
        self.endRatio = endRatio
        self.levelCount = levelCount
        self.stop = stop
    }

    /// The ratio of one U-Net call.
    ///
    /// - Parameters:
    ///   - start: the configured ratio.
    ///   - callIndex: index of the call in its image.
    ///   - callCount: calls of the whole image.
    public func ratio(start: Double, callIndex: Int, callCount: Int) -> Double {
        let calls = max(callCount, 1)
        if stop < 1, Double(callIndex) >= stop * Double(calls) { return 0 }
        guard let endRatio else { return start }
        let level = min(callIndex * levelCount / calls, levelCount - 1)
        return start + (endRatio - start) * Double(level) / Double(levelCount - 1)
    }

    var isValid: Bool {
        (endRatio.map { (0...1).contains($0) } ?? true)
            && (2...64).contains(levelCount) && (0...1).contains(stop)
    }

    private enum CodingKeys: String, CodingKey {
        case endRatio = "end_ratio"
        case levelCount = "level_count"
        case stop
    }
}
