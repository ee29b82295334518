// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Which tokens merge into which: only indices and counts.
///
/// A merged sequence is the kept tokens, then one token per group. A group lists its members,
/// destination first. `merge` gathers the members of each merged row, `unmerge` gathers a merged
/// row for each token; neither scatters, so results do not depend on the order of execution.
///
/// The storage is allocated once and reused by `fill`, unless a copy is alive.
package struct TokenMergePlan: Sendable {
    /// The plan's shape.
    package let layout: TokenMergeLayout
    /// α of equation 2, or the mean.
    package private(set) var alpha: TokenMergeAlpha
    /// `[parts, N]`: the tokens in merged order; row j has `members[offsets[j]..<offsets[j + 1]]`.
    private var members: [Int32]
    /// `[parts, M + 1]`.
    private var offsets: [Int32]
    /// `[parts, N]`: the merged row from which each token is restored.
    private var slots: [Int32]

    /// An unfilled plan; `fill` makes it valid.
    package init(layout: TokenMergeLayout) {
        self.layout = layout
        alpha = .mean
        members = Array(repeating: 0, count: layout.partCount * layout.tokenCount)
        offsets = Array(repeating: 0, count: layout.partCount * (layout.mergedCount + 1))
        slots = Array(repeating: 0, count: layout.partCount * layout.tokenCount)
    }

    /// Bytes of the indices.
    package var byteCount: Int {
        (members.count + offsets.count + slots.count) * MemoryLayout<Int32>.stride
    }

    /// Writes one part: `body` names every token exactly once, as kept or as a member of a group.
    mutating func fill(
        part: Int, alpha: TokenMergeAlpha, _ body: (inout TokenMergePlanWriter) -> Void
    ) {
        self.alpha = alpha
        let layout = self.layout
        members.withUnsafeMutableBufferPointer { members in
            offsets.withUnsafeMutableBufferPointer { offsets in
                slots.withUnsafeMutableBufferPointer { slots in
                    guard let members = members.baseAddress, let offsets = offsets.baseAddress,
                        let slots = slots.baseAddress
                    else { return }
                    var writer = TokenMergePlanWriter(
                        layout: layout, members: members + part * layout.tokenCount,
                        offsets: offsets + part * (layout.mergedCount + 1),
                        slots: slots + part * layout.tokenCount)
                    body(&writer)
                    writer.finish()
                }
            }
        }
    }

    /// Reads one part's indices.
    func withIndices<Result>(
        part: Int, _ body: (TokenMergeIndices) -> Result
    ) -> Result {
        members.withUnsafeBufferPointer { members in
            offsets.withUnsafeBufferPointer { offsets in
                slots.withUnsafeBufferPointer { slots in
                    body(
                        TokenMergeIndices(
                            members: members.baseAddress.unsafelyUnwrapped
                                + part * layout.tokenCount,
                            offsets: offsets.baseAddress.unsafelyUnwrapped
                                + part * (layout.mergedCount + 1),
                            slots: slots.baseAddress.unsafelyUnwrapped + part * layout.tokenCount))
                }
            }
        }
    }
}

extension TokenMergePlan {
    /// Appends the indices that determine the others: members and group sizes.
    package func save(to writer: inout WordWriter) {
        switch alpha {
        case .mean:
            writer.write(0)
            writer.write(UInt32(0))
        case .weight(let weight):
            writer.write(1)
            writer.write(weight.bitPattern)
        }
        writer.write(members.lazy.map { UInt32(bitPattern: $0) })
        for part in 0..<layout.partCount {
            withIndices(part: part) { indices in
                for row in layout.keptCount..<layout.mergedCount {
                    writer.write(
                        UInt32(bitPattern: indices.offsets[row + 1] - indices.offsets[row]))
                }
            }
        }
    }

    /// Restores a plan of this layout from its saved form.
    package mutating func restore(from reader: inout WordReader) throws(SavedStateError) {
        let layout = layout
        let isWeight = try reader.read(in: 0...1) == 1
        let weight = Float(bitPattern: try reader.read())
        guard weight.isFinite else { throw .damaged }
        let members = Array(try reader.read(layout.partCount * layout.tokenCount))
        for part in 0..<layout.partCount {
            let tokens = members[part * layout.tokenCount..<(part + 1) * layout.tokenCount]
            let sizes = try reader.read(layout.groupCount)
            guard Self.isWhole(tokens, sizes, layout) else { throw .damaged }
            fill(part: part, alpha: isWeight ? .weight(weight) : .mean) { writer in
                var next = tokens.startIndex
                for _ in 0..<layout.keptCount {
                    writer.keep(Int32(bitPattern: tokens[next]))
                    next += 1
                }
                for size in sizes {
                    writer.beginGroup(destination: Int32(bitPattern: tokens[next]))
                    for source in tokens[next + 1..<next + Int(size)] {
                        writer.addSource(Int32(bitPattern: source))
                    }
                    next += Int(size)
                }
            }
        }
    }

    /// Whether every token is listed once and every group has members.
    private static func isWhole(
        _ tokens: ArraySlice<UInt32>, _ sizes: ArraySlice<UInt32>, _ layout: TokenMergeLayout
    ) -> Bool {
        var seen = Array(repeating: false, count: layout.tokenCount)
        for token in tokens {
            guard token < UInt32(layout.tokenCount), !seen[Int(token)] else { return false }
            seen[Int(token)] = true
        }
        let memberCount = sizes.reduce(0) { $0 + Int($1) }
        return !sizes.contains(0) && memberCount == layout.tokenCount - layout.keptCount
    }
}

/// One part of a plan, for the loops that apply it.
struct TokenMergeIndices {
    let members: UnsafePointer<Int32>
    let offsets: UnsafePointer<Int32>
    let slots: UnsafePointer<Int32>
}

/// Fills one part of a plan from front to back: kept tokens and groups each have their own cursor.
struct TokenMergePlanWriter {
    private let layout: TokenMergeLayout
    private let members: UnsafeMutablePointer<Int32>
    private let offsets: UnsafeMutablePointer<Int32>
    private let slots: UnsafeMutablePointer<Int32>
    private var keptRow = 0
    private var groupRow: Int
    private var groupMember: Int

    init(
        layout: TokenMergeLayout, members: UnsafeMutablePointer<Int32>,
        offsets: UnsafeMutablePointer<Int32>, slots: UnsafeMutablePointer<Int32>
    ) {
        self.layout = layout
        self.members = members
        self.offsets = offsets
        self.slots = slots
        groupRow = layout.keptCount
        groupMember = layout.keptCount
    }

    /// Adds a token that stays as it is.
    mutating func keep(_ token: Int32) {
        precondition(keptRow < layout.keptCount, "more kept tokens than the layout has")
        offsets[keptRow] = Int32(truncatingIfNeeded: keptRow)
        members[keptRow] = token
        slots[Int(token)] = Int32(truncatingIfNeeded: keptRow)
        keptRow += 1
    }

    /// Starts a group; its sources follow.
    mutating func beginGroup(destination: Int32) {
        precondition(groupRow < layout.mergedCount, "more groups than the layout has")
        offsets[groupRow] = Int32(truncatingIfNeeded: groupMember)
        groupRow += 1
        addSource(destination)
    }

    /// Adds a token to the current group.
    mutating func addSource(_ token: Int32) {
        precondition(groupMember < layout.tokenCount, "more members than tokens")
        members[groupMember] = token
        slots[Int(token)] = Int32(truncatingIfNeeded: groupRow - 1)
        groupMember += 1
    }

    /// Adds a token to the current group, or one that stays as it is.
    mutating func add(_ token: Int32, isSource: Bool) {
        if isSource { addSource(token) } else { keep(token) }
    }

    fileprivate func finish() {
        precondition(
            keptRow == layout.keptCount && groupRow == layout.mergedCount
                && groupMember == layout.tokenCount,
            "a plan names every token once: \(keptRow) kept, \(groupMember) of \(layout.tokenCount)"
        )
        offsets[layout.mergedCount] = Int32(truncatingIfNeeded: layout.tokenCount)
    }
}
