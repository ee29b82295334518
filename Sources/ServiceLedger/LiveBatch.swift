// SPDX-License-Identifier: Apache-2.0

/// A batch that has not ended, and where each of its images stands.
struct LiveBatch: Sendable {
    /// An image that was offered and has no outcome.
    struct InFlight: Sendable, Equatable {
        var worker: String?
        var attempt = 0
        var step = 0
        /// Its latents are stored.
        var isSampled = false
    }

    let accepted: AcceptedBatch
    /// Whether it is on the disk.
    var isCommitted = false
    /// Who asked for it, until it is on the disk.
    var tickets: [(ticket: Ticket, isReplay: Bool)] = []
    private(set) var inFlight: [Int: InFlight] = [:]
    private(set) var finishedCount = 0
    private(set) var failedCount = 0
    private(set) var retryCount = 0
    /// Its pictures and latents, in bytes.
    private(set) var byteCount = 0
    /// Whether it is kept whatever the limits say.
    var isPinned = false
    private(set) var startedAt: Double?
    /// Images with an outcome when the batch was read from the disk.
    private var settledBefore: Set<Int> = []
    /// Images that were offered and came back; ascending.
    private var returned: [Int] = []
    /// All images before were offered once, or had their outcome before.
    private var next = 0

    init(_ accepted: AcceptedBatch) { self.accepted = accepted }

    /// A batch as it was found on the disk.
    init(_ stored: StoredLiveBatch) {
        accepted = stored.accepted
        isCommitted = true
        settledBefore = stored.finished.union(stored.failed).union(stored.sampled)
        finishedCount = stored.finished.count
        failedCount = stored.failed.count
        (byteCount, isPinned) = (stored.byteCount, stored.isPinned)
        for index in stored.sampled { inFlight[index] = InFlight(isSampled: true) }
        startedAt = settledBefore.isEmpty ? nil : accepted.acceptedAt
    }

    /// Images without an outcome.
    var openCount: Int { accepted.imageCount - finishedCount - failedCount }

    /// Images that nobody has.
    var waitingCount: Int { openCount - inFlight.count }

    /// Images that a worker has, or may get.
    var unsampledCount: Int { inFlight.values.count { !$0.isSampled } }

    /// The outcome of the batch, once all images have theirs.
    var outcome: BatchStatus? {
        guard openCount == 0 else { return nil }
        return failedCount > 0 ? .failed : .completed
    }

    var status: BatchStatus { startedAt == nil ? .queued : .generating }

    /// Takes the next image that nobody has.
    mutating func take() -> Int? {
        if !returned.isEmpty {
            let index = returned.removeFirst()
            inFlight[index] = InFlight()
            return index
        }
        while settledBefore.remove(next) != nil { next += 1 }
        guard next < accepted.imageCount else { return nil }
        defer { next += 1 }
        inFlight[next] = InFlight()
        return next
    }

    mutating func began(_ index: Int, worker: String, attempt: Int, now: Double) {
        startedAt = startedAt ?? now
        inFlight[index]?.worker = worker
        inFlight[index]?.attempt = attempt
        inFlight[index]?.step = 0
    }

    mutating func advanced(_ index: Int, worker: String, step: Int) {
        inFlight[index]?.worker = worker
        inFlight[index]?.step = step
    }

    mutating func retried() { retryCount += 1 }

    /// - Returns: whether it was not sampled before.
    mutating func sampled(_ index: Int, now: Double) -> Bool {
        guard inFlight[index]?.isSampled == false else { return false }
        startedAt = startedAt ?? now
        inFlight[index]?.isSampled = true
        return true
    }

    /// An image comes back without an outcome.
    mutating func putBack(_ index: Int) -> Bool {
        guard inFlight.removeValue(forKey: index) != nil else { return false }
        returned.insert(index, at: returned.firstIndex { $0 > index } ?? returned.endIndex)
        return true
    }

    /// - Returns: what was known of the image; `nil` if it had its outcome already.
    mutating func settle(
        _ index: Int, hasFailed: Bool, byteCount: Int = 0, now: Double
    ) -> InFlight? {
        guard let image = inFlight.removeValue(forKey: index) else { return nil }
        startedAt = startedAt ?? now
        if hasFailed { failedCount += 1 } else { finishedCount += 1 }
        self.byteCount += byteCount
        return image
    }
}
