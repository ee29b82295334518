// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// The images of a coordinator, from their submission until they are forgotten.
///
/// Where an image stands changes only here, together with the queue and all counts. Of an image
/// that is delivered only the digest and the worker of its result are remembered, until many others
/// are delivered after it, so that late results can be compared; so memory follows what is in
/// flight.
struct ImageTable {
    /// Where an image stands.
    enum Status {
        /// It waits in the queue.
        case pending
        /// At least one live lease may bring its result.
        case leased
        /// Its result is on the way to the disk.
        case storing
        /// Its result is stored; its picture is not consumed yet.
        case decoding
        /// Settled: its picture is consumed.
        case delivered
        /// Settled: there will be no picture, for reasons.
        case failed
        /// Settled: it is not wanted any more.
        case cancelled
    }

    /// What is known of one image.
    struct Entry {
        let number: ImageNumber
        let request: GenerationRequest
        let batch: ImageBatch.ID
        /// Relative cost of one step.
        let stepWork: Double
        fileprivate(set) var status = Status.pending
        /// Leases that may bring its result.
        fileprivate(set) var liveCount = 0
        fileprivate(set) var attemptCount = 0
        var failures: [FailedAttempt] = []
        /// Attempts that ended because the worker was lost; they are in `failures` too.
        var lostAttempts: Set<Int> = []
        /// Workers that failed it.
        var failedWorkers: Set<WorkerNumber> = []
        /// Those of them with failures that may be the image's own fault.
        var chargedWorkers: Set<WorkerNumber> = []
        /// Those of them that do not understand its request: they do not get it again.
        var notUnderstoodBy: Set<WorkerNumber> = []
        /// What it fails with when no worker is left that understands it.
        var notUnderstood: FailedAttempt?
        /// Not leased again before this.
        var notBefore = Duration.zero
        /// Ends of workers that sampled it.
        var kills: [SampledLoss] = []
        /// Losses of workers that may have ended or only lost their connection.
        var openLosses: [SampledLoss] = []
        /// Its newest checkpoint; `nil` once it needs none.
        var checkpoint: KeptCheckpoint?
        /// The first result, and its lease.
        fileprivate(set) var firstResult: FirstResult?
        fileprivate(set) var filledBy: Lease?
        /// Time between two previews; `nil` where nobody watches it.
        var previewInterval: Duration?
        /// Whether its batch was cancelled.
        fileprivate(set) var isUnwanted = false
        /// Results that could not be decoded, and who sampled them.
        var undecodable: [(lease: Lease, sha256: [UInt8], maker: WorkerNumber)] = []

        /// Failures that may be its own fault.
        var chargedCount: Int { failures.count - lostAttempts.count }
        /// Losses of both kinds.
        var losses: [SampledLoss] { kills + openLosses }
        /// Whether it may still get a result.
        var awaitsResult: Bool { status == .pending || status == .leased }
        /// Whether it has no result on the disk and is not settled.
        var isOpen: Bool { awaitsResult || status == .storing }
    }

    /// The first result of an image.
    struct FirstResult {
        let sha256: [UInt8]
        let maker: WorkerNumber
    }

    private var entries: [Entry] = []
    /// Where the entry of an image is.
    private var slots: [ImageNumber: Int] = [:]
    private(set) var queue = WorkQueue()
    private var storing: [ImageNumber: StoringResult] = [:]
    /// Settled images to which something still refers.
    private var lingering: [ImageNumber] = []
    /// What is remembered of images that are delivered and have no entry any more.
    private var delivered: [ImageNumber: FirstResult] = [:]
    /// Those images, the longest delivered first.
    private var remembered = ImageFIFO()
    private let rememberedCountMax: Int
    /// Images without a result on the disk that are not settled.
    private(set) var openCount = 0
    private var decodingCount = 0
    /// All numbers so far are below.
    private(set) var nextNumber = ImageNumber(0)

    /// - Parameter rememberedCountMax: delivered images of which the result's digest is known.
    init(rememberedCountMax: Int) {
        self.rememberedCountMax = rememberedCountMax
    }

    /// Results that are on the way to the disk.
    var storingCount: Int { storing.count }

    /// Results that wait for the disk, the decoder or the consumer.
    var undecodedCount: Int { storing.count + decodingCount }

    /// Images with an entry, and so a request: open ones, and settled ones that something refers
    /// to.
    var count: Int { entries.count }

    /// Images that are settled and have an entry.
    var lingeringCount: Int { lingering.count }

    /// Images of which only the result's digest is remembered.
    var rememberedCount: Int { remembered.count }

    /// All images with an entry, in ascending order.
    ///
    /// - Complexity: O(n log n).
    var numbers: [ImageNumber] { slots.keys.sorted() }

    /// The images for which something is true, in no order.
    ///
    /// - Complexity: O(n), without a look-up per image.
    func numbers(where isTrue: (borrowing Entry) -> Bool) -> [ImageNumber] {
        var numbers: [ImageNumber] = []
        for slot in entries.indices where isTrue(entries[slot]) {
            numbers.append(entries[slot].number)
        }
        return numbers
    }

    func contains(_ number: ImageNumber) -> Bool { slots[number] != nil }

    /// An image with an entry; neither reading nor changing a part of it copies the rest.
    subscript(number: ImageNumber) -> Entry {
        _read { yield entries[slots[number]!] }
        _modify { yield &entries[slots[number]!] }
    }

    /// The image that a number on the wire names; `nil` for one that has no entry any more or was
    /// never submitted.
    func number(onWire item: UInt32) -> ImageNumber? {
        let number = ImageNumber(onWire: item, before: nextNumber)
        return contains(number) ? number : nil
    }

    /// The first result of an image, also of one that was delivered a while ago.
    func firstResult(onWire item: UInt32) -> (image: ImageNumber, result: FirstResult)? {
        let number = ImageNumber(onWire: item, before: nextNumber)
        let result = contains(number) ? self[number].firstResult : delivered[number]
        return result.map { (number, $0) }
    }
}

// MARK: The way of an image

extension ImageTable {
    /// Adds an image to the queue.
    ///
    /// One that failed may be submitted again: it may have failed for want of a worker.
    ///
    /// - Precondition: it is not known otherwise.
    mutating func submit(_ image: ImageBatch.Image, of batch: ImageBatch.ID) {
        if contains(image.number), self[image.number].status == .failed {
            lingering.removeAll { $0 == image.number }
            drop(image.number)
        }
        precondition(!contains(image.number), "image \(image.number) was submitted before")
        nextNumber = max(nextNumber, ImageNumber(image.number.rawValue + 1))
        var entry = Entry(
            number: image.number, request: image.request, batch: batch,
            stepWork: image.request.stepWork)
        entry.checkpoint = image.checkpoint.map { KeptCheckpoint(checkpoint: $0, makers: []) }
        slots[image.number] = entries.count
        entries.append(entry)
        queue.append(image.number)
        openCount += 1
    }

    /// Counts one more lease of an image.
    ///
    /// - Returns: the number of the attempt, from 1.
    mutating func lease(_ number: ImageNumber) -> Int {
        unqueue(number)
        self[number].status = .leased
        self[number].liveCount += 1
        self[number].attemptCount += 1
        return self[number].attemptCount
    }

    /// A live lease of an image ended without a result.
    ///
    /// - Returns: whether it was the last one.
    mutating func endLease(of number: ImageNumber) -> Bool {
        self[number].liveCount -= 1
        return self[number].liveCount == 0
    }

    /// Lets an image without leases wait for another one.
    mutating func requeue(_ number: ImageNumber) {
        self[number].status = .pending
        queue.requeue(number)
    }

    /// An image has its first result, which goes to the disk.
    ///
    /// - Returns: how many live leases it had.
    mutating func store(_ number: ImageNumber, _ result: StoringResult) -> Int {
        unqueue(number)
        defer { self[number].liveCount = 0 }
        self[number].status = .storing
        self[number].checkpoint = nil
        self[number].firstResult = FirstResult(
            sha256: result.result.sha256, maker: result.maker)
        self[number].filledBy = result.result.lease
        storing[number] = result
        return self[number].liveCount
    }

    /// Acknowledges one more result of an image when the first one is stored; each lease once.
    mutating func awaitStore(of number: ImageNumber, _ lease: Lease, on id: ConnectionID) {
        let isKnown = storing[number]?.waiting.contains { $0.connection == id && $0.lease == lease }
        if isKnown == false { storing[number]?.waiting.append((id, lease)) }
    }

    /// Whether a result that came on a connection is still being stored.
    func isStoring(for connection: ConnectionID?) -> Bool {
        storing.values.contains { stored in
            stored.waiting.contains { $0.connection == connection }
        }
    }

    /// A result is on the disk.
    ///
    /// - Returns: the result; `nil` if none was awaited.
    mutating func stored(_ number: ImageNumber) -> StoringResult? {
        guard let result = storing.removeValue(forKey: number) else { return nil }
        if contains(number), self[number].status == .storing {
            self[number].status = .decoding
            openCount -= 1
            decodingCount += 1
        }
        return result
    }

    /// The consumer is done with an image's picture.
    mutating func deliver(_ number: ImageNumber) {
        guard contains(number), self[number].status == .decoding else { return }
        decodingCount -= 1
        settle(number, .delivered)
    }

    /// No picture can be made of an image's result: it needs another one.
    mutating func reopen(_ number: ImageNumber) {
        decodingCount -= 1
        openCount += 1
        self[number].firstResult = nil
        self[number].filledBy = nil
        requeue(number)
    }

    /// Gives an image up.
    ///
    /// - Returns: how many live leases it had.
    mutating func fail(_ number: ImageNumber, _ failure: FailedAttempt) -> Int {
        self[number].failures.append(failure)
        return end(number, .failed)
    }

    /// Settles the open images of a batch; their results may still be on the way to the disk.
    ///
    /// - Returns: the images in ascending order, and how many live leases each had.
    mutating func cancel(_ batch: ImageBatch.ID) -> [(image: ImageNumber, liveCount: Int)] {
        queue.removeAll { entries[slots[$0]!].batch == batch }
        var cancelled: [(ImageNumber, Int)] = []
        for number in numbers where self[number].batch == batch {
            self[number].isUnwanted = true
            guard self[number].isOpen else { continue }
            cancelled.append((number, end(number, .cancelled, isQueued: false)))
        }
        return cancelled
    }

    /// Settles an image without leases that is not wanted any more.
    mutating func cancel(_ number: ImageNumber) { _ = end(number, .cancelled) }

    /// Gives up all images that are not settled, and what is on the way to the disk.
    ///
    /// - Returns: images that had no result on the disk, in ascending order.
    mutating func cancelAll() -> [ImageNumber] {
        queue = WorkQueue()
        let open = numbers.filter { self[$0].isOpen }
        for number in open { _ = end(number, .cancelled, isQueued: false) }
        storing = [:]
        decodingCount = 0
        return open
    }

    /// Drops settled images, and of those that are delivered remembers the result.
    ///
    /// - Parameter needed: images that a worker still refers to; those whose result is on the way to
    ///   the disk stay too.
    mutating func dropSettled(except needed: Set<ImageNumber>) {
        let needed = needed.union(storing.keys)
        let unneeded = lingering.filter { !needed.contains($0) }
        lingering.removeAll { !needed.contains($0) }
        for number in unneeded {
            if self[number].status == .delivered, let result = self[number].firstResult {
                delivered[number] = result
                remembered.append(number)
            }
            drop(number)
        }
        while remembered.count > rememberedCountMax, let oldest = remembered.popFirst() {
            delivered[oldest] = nil
        }
    }

    private mutating func drop(_ number: ImageNumber) {
        guard let slot = slots.removeValue(forKey: number) else { return }
        // The last entry takes its place.
        let last = entries.removeLast()
        guard last.number != number else { return }
        entries[slot] = last
        slots[last.number] = slot
    }

    private mutating func end(
        _ number: ImageNumber, _ outcome: Status, isQueued: Bool = true
    ) -> Int {
        if self[number].isOpen { openCount -= 1 }
        if self[number].status == .decoding { decodingCount -= 1 }
        if isQueued { unqueue(number) }
        defer { settle(number, outcome) }
        return self[number].liveCount
    }

    private mutating func unqueue(_ number: ImageNumber) {
        if self[number].status == .pending { queue.remove(number) }
    }

    private mutating func settle(_ number: ImageNumber, _ outcome: Status) {
        self[number].status = outcome
        self[number].liveCount = 0
        self[number].checkpoint = nil
        lingering.append(number)
    }
}

// MARK: For tests

extension ImageTable {
    /// The first broken rule of the table itself, `nil` when all hold.
    ///
    /// - Complexity: O(n).
    func brokenInvariant() -> String? {
        var (open, decoding, pending) = (0, 0, 0)
        for slot in entries.indices {
            if entries[slot].isOpen { open += 1 }
            if entries[slot].status == .decoding { decoding += 1 }
            if entries[slot].status == .pending { pending += 1 }
        }
        if open != openCount { return "\(open) images are open, not \(openCount)" }
        if decoding != decodingCount { return "\(decoding) results wait, not \(decodingCount)" }
        if pending != queue.count { return "\(pending) images are pending, \(queue.count) queued" }
        if lingering.count != entries.count - open - decoding {
            return "\(lingering.count) of \(entries.count) images are settled"
        }
        if delivered.count != remembered.count {
            return "\(delivered.count) results are remembered, not \(remembered.count)"
        }
        if let stray = queue.retries.first(where: { self[$0].status != .pending }) {
            return "image \(stray) waits for a retry but is not pending"
        }
        let isOrdered = zip(queue.retries, queue.retries.dropFirst()).allSatisfy { $0 < $1 }
        return isOrdered ? nil : "the retries are not in order"
    }

    /// The first image of those for which something is true.
    func first(where isTrue: (borrowing Entry) -> Bool) -> ImageNumber? {
        var first: ImageNumber?
        for slot in entries.indices where isTrue(entries[slot]) {
            first = min(first ?? entries[slot].number, entries[slot].number)
        }
        return first
    }
}
