// SPDX-License-Identifier: Apache-2.0

/// Where the time of a lane goes: seconds and work per kind of operation and size.
///
/// A lane that has one notes each operation that is not part of another. Belongs to one lane.
package final class OperationProfile {
    /// What is done.
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

    /// What is noted together.
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

    /// An operation that goes on.
    struct Span {
        fileprivate let key: Key
        fileprivate let start: ContinuousClock.Instant
        fileprivate let workBefore: WorkCount
    }

    package private(set) var entries: [Key: Entry] = [:]
    /// While a result is computed part by part: the tokens of the whole.
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
    /// Operations in `body` yield parts of results of that many tokens, and are noted with them.
    package func inParts(ofTokens tokenCount: Int, _ body: () -> Void) {
        profile?.wholeTokenCount = tokenCount
        body()
        profile?.wholeTokenCount = nil
    }

    /// Notes the begin of an operation where there is a profile, dry runs aside.
    func begin(_ kind: OperationProfile.Kind, tokenCount: Int) -> OperationProfile.Span? {
        isMeasuring ? nil : profile?.begin(kind, tokenCount: tokenCount, work: work)
    }

    /// Notes its end.
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
