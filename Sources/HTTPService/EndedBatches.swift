// SPDX-License-Identifier: Apache-2.0

package import ServiceLedger

/// The batches whose end a stream has sent, the latest ones: later changes of these are stale.
///
/// Such changes are already on their way when a batch ends, so a stream that stays for weeks need
/// not remember all batches.
package struct EndedBatches: Sendable {
    /// Batches that are remembered.
    package static let countMax = 1024

    private var members: Set<BatchID> = []
    /// The same, in a ring once it is full.
    private var order: [BatchID] = []
    private var oldest = 0

    package init() {}

    package func contains(_ id: BatchID) -> Bool { members.contains(id) }

    /// Remembers a batch, in place of the one that ended first if there are too many.
    package mutating func insert(_ id: BatchID) {
        guard members.insert(id).inserted else { return }
        if order.count < Self.countMax {
            order.append(id)
        } else {
            members.remove(order[oldest])
            order[oldest] = id
            oldest = (oldest + 1) % Self.countMax
        }
    }
}
