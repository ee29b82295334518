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

    /// What a caller has that nobody has taken.
    private struct Waiting {
        var count = 0
        /// Cost of all of it among callers.
        var cost = 0.0
    }

    private var batches: [BatchID: Batch] = [:]
    private var callers: FairQueue<CallerID>
    private var waiting: [CallerID: Waiting] = [:]
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
            self.count(count, of: id)
            return
        }
        batches[id] = Batch(
            caller: caller, count: count, cost: batch.meanWork / submission.priority.weight,
            callerCost: batch.meanWork / max(submission.weight, 1e-6))
        self.count(count, of: id)
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
        count(-1, of: id)
        if batch.count == 1 { remove(id) }
        return id
    }

    /// Takes a batch out, with all its images that nobody has taken.
    mutating func remove(_ id: BatchID) {
        guard let batch = batches[id] else { return }
        count(-batch.count, of: id)
        batches[id] = nil
        queues[batch.caller]?.forget(id)
        guard queues[batch.caller]?.isEmpty == true else { return }
        queues[batch.caller] = nil
        waiting[batch.caller] = nil
        callers.leave(batch.caller)
    }

    private mutating func count(_ change: Int, of id: BatchID) {
        guard let batch = batches[id] else { return }
        waiting[batch.caller, default: Waiting()].count += change
        waiting[batch.caller]?.cost += Double(change) * batch.callerCost
    }

    /// How many images are taken before the next one of a batch; `nil` if it has none.
    ///
    /// Start tags of a flow that is served again and again are its first one and multiples of its
    /// cost, so they are counted and nothing is taken. Exact but for callers whose batches differ in
    /// the work of an image: an image of theirs is taken for an average one.
    ///
    /// - Complexity: O(callers + batches of the batch's caller).
    func place(of id: BatchID) -> Int? {
        guard let batch = batches[id], let own = queues[batch.caller],
            let turn = own.turn(of: id), let first = callers.turn(of: batch.caller)
        else { return nil }
        // Of its own caller's.
        var (count, cost) = (0, 0.0)
        own.forEachTurn { other, its in
            guard other != id, let entry = batches[other] else { return }
            let taken = its.count(before: turn, cost: entry.cost, max: entry.count)
            count += taken
            cost += Double(taken) * entry.callerCost
        }
        let last = first.after(count, cost: cost)
        // Of others', until its caller's turn comes after these.
        callers.forEachTurn { other, its in
            guard other != batch.caller, let entry = waiting[other], entry.count > 0 else { return }
            count += its.count(
                before: last, cost: entry.cost / Double(entry.count), max: entry.count)
        }
        return count
    }
}
