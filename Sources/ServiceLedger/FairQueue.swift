// SPDX-License-Identifier: Apache-2.0

/// Start-time fair queueing of flows: which one is served next.
///
/// Every piece of work of a flow has a start tag S = max(V, F) and a finish tag F = S + work ÷
/// weight; the smallest start tag is next, and V is the start tag of what was served last (Goyal,
/// Vin, Cheng: Start-time Fair Queueing, SIGCOMM 1996). The maximum keeps a flow that was idle from
/// saving its turns up.
struct FairQueue<Flow: Hashable & Sendable>: Sendable {
    fileprivate struct Entry {
        var start: Double
        /// Of equals the one that came first.
        var sequence: Int
        var flow: Flow
    }

    /// When a flow is served.
    struct Turn: Sendable {
        /// Start tag of the flow's next turn.
        let first: Double
        /// Of equal tags the turn that was known first comes first.
        let sequence: Int
        /// Start tag.
        private(set) var start: Double
        /// Start tag of the flow's turn before, with which this one becomes known; `nil` if it is
        /// known.
        private var knownAt: Double?

        fileprivate init(_ entry: Entry) {
            (first, start, sequence) = (entry.start, entry.start, entry.sequence)
        }

        /// The turn after `count` others of the same flow, which cost `cost` together.
        func after(_ count: Int, cost: Double) -> Turn {
            guard count > 0 else { return self }
            var turn = self
            turn.start += cost
            turn.knownAt = turn.start - cost / Double(count)
            return turn
        }

        /// How many turns of this flow, from its next one on, come before another flow's.
        ///
        /// - Parameters:
        ///   - cost: of each.
        ///   - max: how many there are.
        func count(before turn: Turn, cost: Double, max: Int) -> Int {
            guard first < turn.start || first == turn.start && isNextKnownBefore(turn) else {
                return 0
            }
            guard cost > 0 else { return max }
            let steps = (turn.start - first) / cost
            guard steps < Double(max) else { return max }
            // Those before the same tag, and the one with that tag if it becomes known first.
            let whole = Int(steps.rounded(.up))
            let isFirst = Double(whole) == steps && isLaterKnownBefore(turn, at: turn.start - cost)
            return min(max, whole + (whole == 0 || isFirst ? 1 : 0))
        }

        private func isNextKnownBefore(_ turn: Turn) -> Bool {
            turn.knownAt != nil || sequence < turn.sequence
        }

        private func isLaterKnownBefore(_ turn: Turn, at time: Double) -> Bool {
            guard let knownAt = turn.knownAt else { return false }
            // Of two that become known with the same tag: as at the first tag that both have.
            return time == knownAt
                ? first > turn.first || first == turn.first && sequence < turn.sequence
                : time < knownAt
        }
    }

    /// Flows with something to be served; the next one is the last.
    private var waiting: [Entry] = []
    private var members: Set<Flow> = []
    /// Finish tags of what was served, where they are above `virtualTime`.
    private var finish: [Flow: Double] = [:]
    private var virtualTime = 0.0
    private var sequence = 0
    private let bug: LedgerBug?

    init(bug: LedgerBug? = nil) { self.bug = bug }

    var isEmpty: Bool { waiting.isEmpty }

    /// The flow whose turn it is.
    var next: Flow? { waiting.last?.flow }

    /// A flow's next turn; `nil` if nothing of it waits.
    func turn(of flow: Flow) -> Turn? {
        waiting.last { $0.flow == flow }.map(Turn.init)
    }

    /// Looks at the next turns of all flows, in no order.
    func forEachTurn(_ body: (Flow, Turn) -> Void) {
        for entry in waiting {
            body(entry.flow, Turn(entry))
        }
    }

    /// A flow has something to be served.
    mutating func join(_ flow: Flow) {
        guard members.insert(flow).inserted else { return }
        enqueue(flow)
    }

    /// A flow has nothing left to be served.
    mutating func leave(_ flow: Flow) {
        guard members.remove(flow) != nil else { return }
        waiting.removeAll { $0.flow == flow }
    }

    /// A flow was served.
    ///
    /// - Parameter cost: the work, divided by the flow's weight.
    mutating func serve(_ flow: Flow, cost: Double) {
        if bug == .firstComeFirstServed { return }
        guard let position = waiting.lastIndex(where: { $0.flow == flow }) else { return }
        let entry = waiting.remove(at: position)
        virtualTime = max(virtualTime, entry.start)
        finish[flow] = entry.start + cost
        enqueue(flow)
        forgetIdle()
    }

    /// A flow will not be seen again.
    mutating func forget(_ flow: Flow) {
        leave(flow)
        finish[flow] = nil
    }

    private mutating func enqueue(_ flow: Flow) {
        sequence += 1
        let earned = finish[flow] ?? 0
        let start = bug == .saveUp ? earned : max(virtualTime, earned)
        let entry = Entry(start: start, sequence: sequence, flow: flow)
        waiting.insert(entry, at: position(of: entry))
    }

    /// Behind every entry that comes after it.
    private func position(of entry: Entry) -> Int {
        var (low, high) = (0, waiting.count)
        while low < high {
            let middle = (low + high) / 2
            let other = waiting[middle]
            if (other.start, other.sequence) > (entry.start, entry.sequence) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// Tags that have been passed mean nothing any more.
    private mutating func forgetIdle() {
        guard bug != .saveUp, finish.count > 2 * members.count + 64 else { return }
        finish = finish.filter { members.contains($0.key) || $0.value > virtualTime }
    }
}
