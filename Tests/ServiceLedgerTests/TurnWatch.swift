// SPDX-License-Identifier: Apache-2.0

/// Counts how long flows of equal weight and equal work wait for their turns.
struct TurnWatch<Flow: Hashable> {
    /// What others got since a flow began to wait for its next turn.
    private struct Wait {
        /// Whether the flow was never served: then nothing is held against it.
        var isFirst: Bool
        /// Others that waited at the beginning, or joined later.
        var others: Set<Flow>
        var turns = 0
    }

    private var waits: [Flow: Wait] = [:]
    private var served: Set<Flow> = []

    /// A flow that had nothing to be served has.
    mutating func join(_ flow: Flow) {
        guard waits[flow] == nil else { return }
        let others = Set(waits.keys)
        for other in others { waits[other]?.others.insert(flow) }
        waits[flow] = Wait(isFirst: !served.contains(flow), others: others)
    }

    mutating func leave(_ flow: Flow) { waits[flow] = nil }

    /// A flow is served.
    ///
    /// - Returns: a flow that waits longer than it may.
    mutating func serve(_ flow: Flow) -> Flow? {
        served.insert(flow)
        let others = Set(waits.keys).subtracting([flow])
        if waits[flow] != nil { waits[flow] = Wait(isFirst: false, others: others) }
        for other in others { waits[other]?.turns += 1 }
        return waits.first { _, wait in
            // Start tags of one other flow between two of a flow: at both ends, ties included.
            wait.turns > wait.others.count * (wait.isFirst ? 1 : 2)
        }?.key
    }
}
