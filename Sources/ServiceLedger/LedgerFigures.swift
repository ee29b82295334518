// SPDX-License-Identifier: Apache-2.0

/// A ledger in figures, for those who run the service; no caller has any.
package struct LedgerFigures: Sendable, Equatable {
    /// Images without an outcome, by the priorities of their batches; each priority has an entry.
    package var openCounts: [BatchPriority: Int]
    /// Workers' time that those take, as images took it lately, in seconds; `nil` before the first.
    package var openSeconds: Double?
    /// How long ago the oldest batch was accepted that has images nobody has, in seconds; 0 without
    /// any.
    package var oldestWaitSeconds: Double
    /// Batches that are not erased, by status; each status has an entry.
    package var batchCounts: [BatchStatus: Int]
    /// Batches whose last request was lost, by what became of them since the start; each end has an
    /// entry.
    package var orphanCounts: [OrphanEnd: Int]
}

extension Ledger {
    /// The figures at a time, in seconds since 1970.
    ///
    /// - Complexity: O(batches).
    package func figures(now: Double) -> LedgerFigures {
        var open = Self.zeros(BatchPriority.self)
        var counts = Self.zeros(BatchStatus.self)
        var oldest = now
        for (id, batch) in live where batch.isCommitted {
            open[batch.accepted.submission.priority, default: 0] += batch.openCount
            counts[batch.status, default: 0] += 1
            // Of what is about to end nothing waits.
            guard batch.waitingCount > 0, endings[id] == nil else { continue }
            oldest = min(oldest, batch.accepted.acceptedAt)
        }
        for batch in ended.values where batch.erasedAt == nil {
            counts[batch.status, default: 0] += 1
        }
        let openCount = open.values.reduce(0, +)
        return LedgerFigures(
            openCounts: open,
            openSeconds: openCount == 0 ? 0 : imageSeconds.map { $0 * Double(openCount) },
            oldestWaitSeconds: now - oldest, batchCounts: counts,
            orphanCounts: Self.zeros(OrphanEnd.self).merging(orphanEnds) { $1 })
    }

    private static func zeros<Label: CaseIterable & Hashable>(_: Label.Type) -> [Label: Int] {
        Dictionary(uniqueKeysWithValues: Label.allCases.map { ($0, 0) })
    }
}
