// SPDX-License-Identifier: Apache-2.0

/// Where a lane's time goes: seconds and work per kind of operation and size.
///
/// A lane with a profile records each operation that is not part of another. Belongs to one lane.
package final class OperationProfile {
    /// Kinds of operations.
    package enum Kind: String, CaseIterable {
        case convolution
        case linear
        case selfAttention = "self-attention"
        case crossAttention = "cross-attention"
        case groupNorm = "group norm"
        case layerNorm = "layer norm"
        case activation
        /// Copies, sums, gathers, merging and resizing of rows.
        case rows
    }

    /// The key of a row.
    package struct Key: Hashable {
        package let kind: Kind
        /// Pixels or tokens of one result.
        package let tokenCount: Int
    }

    /// The sum of some operations.
    package struct Entry: Equatable {
        package var callCount = 0
        package var seconds = 0.0
        package var work = WorkCount()

        package init() {}
    }

    /// A running operation.
    struct Span {
        fileprivate let key: Key
        fileprivate let start: ContinuousClock.Instant
        fileprivate let workBefore: WorkCount
    }

    package private(set) var entries: [Key: Entry] = [:]
    /// While a result is computed in parts: the tokens of the whole.
    fileprivate var wholeTokenCount: Int?
    private var depth = 0
    private let clock = ContinuousClock()

    package init() {}

    fileprivate func begin(_ kind: Kind, tokenCount: Int, work: WorkCount) -> Span {
        depth += 1
        return Span(
            key: Key(kind: kind, tokenCount: wholeTokenCount ?? tokenCount), start: clock.now,
            workBefore: work)
    }

    fileprivate func end(_ span: Span, work: WorkCount) {
        let seconds = (clock.now - span.start) / .seconds(1)
        depth -= 1
        guard depth == 0 else { return }
        var entry = entries[span.key] ?? Entry()
        entry.callCount += 1
        entry.seconds += seconds
        entry.work += work - span.workBefore
        entries[span.key] = entry
    }
}

extension ComputeLane {
    /// Operations in `body` compute parts of results with that many tokens, and are recorded with
    /// them.
    package func inParts(ofTokens tokenCount: Int, _ body: () -> Void) {
        profile?.wholeTokenCount = tokenCount
        body()
        profile?.wholeTokenCount = nil
    }

    /// Records the start of an operation if there is a profile, except in dry runs.
    func begin(_ kind: OperationProfile.Kind, tokenCount: Int) -> OperationProfile.Span? {
        isMeasuring ? nil : profile?.begin(kind, tokenCount: tokenCount, work: work)
    }

    /// Records its end.
    func end(_ span: OperationProfile.Span?) {
        if let span { profile?.end(span, work: work) }
    }
}

extension WorkCount {
    /// Sums, kind by kind.
    package static func += (sum: inout WorkCount, work: WorkCount) {
        sum.linearFLOPs += work.linearFLOPs
        sum.convolutionFLOPs += work.convolutionFLOPs
        sum.attentionFLOPs += work.attentionFLOPs
    }

    /// Differences, kind by kind.
    package static func - (left: WorkCount, right: WorkCount) -> WorkCount {
        var difference = left
        difference.linearFLOPs -= right.linearFLOPs
        difference.convolutionFLOPs -= right.convolutionFLOPs
        difference.attentionFLOPs -= right.attentionFLOPs
        return difference
    }
}
