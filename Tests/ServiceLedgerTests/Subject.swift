// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger

/// A ledger with a disk that commits on request.
struct Subject {
    private(set) var ledger: Ledger
    private(set) var commits: [(number: CommitNumber, changes: [LedgerChange])] = []
    /// All that was ever to be committed.
    private(set) var committed: [LedgerChange] = []
    /// What it does first.
    private(set) var start: [LedgerAction] = []
    var now = 0.0

    init(
        _ stored: StoredLedger = StoredLedger(), workers: Int = 1,
        limits: LedgerLimits = LedgerLimits()
    ) {
        ledger = Ledger(stored, limits: limits)
        start = apply(.workers(workers))
    }

    mutating func apply(_ event: LedgerEvent) -> [LedgerAction] {
        let actions = ledger.handle(event, now: now)
        for case .commit(let number, let changes) in actions {
            commits.append((number, changes))
            committed += changes
        }
        return actions
    }

    /// Everything that waits reaches the disk, and what comes of that too.
    mutating func commitAll() -> [LedgerAction] {
        var actions: [LedgerAction] = []
        while !commits.isEmpty { actions += apply(.committed(commits.removeFirst().number)) }
        return actions
    }

    mutating func submit(
        _ caller: String, _ id: String, key: String? = nil, body: UInt8 = 1, count: Int = 1,
        steps: Int = 25, priority: BatchPriority = .normal, weight: Double = 1,
        origin: BatchOrigin = .batch,
        ticket: Int
    ) -> [LedgerAction] {
        let admission = admit(caller, key: key, body: body, origin: origin, ticket: ticket)
        guard admission.answers == [.admitted] else { return admission }
        return submitAdmitted(
            caller, id, key: key, body: body, count: count, steps: steps, priority: priority,
            weight: weight, origin: origin, ticket: ticket)
    }

    mutating func submitAdmitted(
        _ caller: String, _ id: String, key: String? = nil, body: UInt8 = 1, count: Int = 1,
        steps: Int = 25, priority: BatchPriority = .normal, weight: Double = 1,
        origin: BatchOrigin = .batch,
        ticket: Int
    ) -> [LedgerAction] {
        var request = GenerationRequest(prompt: "p", seed: 100, width: 64, height: 64)
        request.inferenceStepCount = steps
        return apply(
            .submit(
                Submission(
                    id: BatchID(id), caller: CallerID(caller), weight: weight, key: key,
                    bodyDigest: [body], priority: priority, origin: origin,
                    spans: [ImageSpan(first: request, count: count)]), ticket: Ticket(ticket)))
    }

    mutating func admit(
        _ caller: String, key: String? = nil, body: UInt8 = 1, origin: BatchOrigin = .batch,
        isRepeat: Bool = false, ticket: Int
    ) -> [LedgerAction] {
        apply(
            .admit(
                AdmissionRequest(
                    caller: CallerID(caller), key: key, bodyDigest: [body], origin: origin,
                    isRepeat: isRepeat), ticket: Ticket(ticket)))
    }

    /// A worker generates an image.
    mutating func finish(
        _ image: Int, seconds: Double = 5, byteCount: Int = 1
    ) -> [LedgerAction] {
        apply(.sampled(ImageNumber(image), seconds: seconds))
            + apply(.finished(ImageNumber(image), byteCount: byteCount))
    }

    func kind(of id: String, _ visitor: Visitor) -> String {
        switch ledger.visibility(of: BatchID(id), to: visitor) {
        case .live: "live"
        case .ended: "ended"
        case .erased: "erased"
        case .unknown: "unknown"
        }
    }
}

extension [LedgerAction] {
    var offers: [OfferedImage] {
        compactMap { if case .offer(let image) = $0 { image } else { nil } }
    }

    var answers: [LedgerAnswer] {
        compactMap { if case .answer(_, let answer) = $0 { answer } else { nil } }
    }
}

extension LedgerAction {
    var changes: [LedgerChange]? {
        if case .commit(_, let changes) = self { changes } else { nil }
    }
}
