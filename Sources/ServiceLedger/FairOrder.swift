// SPDX-License-Identifier: Apache-2.0

/// Says which batch the next image comes from: callers take turns by their weights, and the
/// batches of one caller by their priorities.
///
/// With N callers waiting, the first image of a caller that was idle is taken after N others at
/// most.
struct FairOrder: Sendable {
    private struct Batch {
        var caller: CallerID
        /// Images that nobody has taken.
        var count: Int
        /// Cost of an image among the caller's batches.
        var cost: Double
        /// Cost of an image among callers.
        var callerCost: Double
    }

    private var batches: [BatchID: Batch] = [:]
    private var callers: FairQueue<CallerID>
    private var queues: [CallerID: FairQueue<BatchID>] = [:]
    private let bug: LedgerBug?

    init(bug: LedgerBug? = nil) {
        self.bug = bug
        callers = FairQueue(bug: bug)
    }

    /// Adds images of a batch.
    ///
    /// - Parameter count: at least 1.
    mutating func add(_ batch: AcceptedBatch, count: Int) {
        let (id, caller, submission) = (batch.id, batch.caller, batch.submission)
        guard batches[id] == nil else {
            batches[id]?.count += count
            return
        }
        batches[id] = Batch(
            caller: caller, count: count, cost: batch.meanWork / submission.priority.weight,
            callerCost: batch.meanWork / max(submission.weight, 1e-6))
        queues[caller, default: FairQueue(bug: bug)].join(id)
        callers.join(caller)
    }

    /// Takes an image of the batch whose turn it is.
    mutating func take() -> BatchID? {
        guard let caller = callers.next, let id = queues[caller]?.next, let batch = batches[id]
        else { return nil }
        queues[caller]?.serve(id, cost: batch.cost)
        callers.serve(caller, cost: batch.callerCost)
        batches[id]?.count -= 1
        if batch.count == 1 { remove(id) }
        return id
    }

    /// Takes a batch out, with all its images that nobody has taken.
    mutating func remove(_ id: BatchID) {
        guard let batch = batches.removeValue(forKey: id) else { return }
        queues[batch.caller]?.forget(id)
        guard queues[batch.caller]?.isEmpty == true else { return }
        queues[batch.caller] = nil
        callers.leave(batch.caller)
    }

    /// How many images are taken before the next one of a batch; `nil` if that is beyond `max`, or
    /// if it has none.
    func place(of id: BatchID, max: Int = 1000) -> Int? {
        guard batches[id] != nil else { return nil }
        var order = self
        for place in 0...max where order.take() == id { return place }
        return nil
    }
}
