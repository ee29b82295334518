// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger

/// What survives a crash in a simulation; it notices changes that must never be made.
struct SimulatedDisk {
    enum Outcome { case sampled, finished, failed }

    /// An image's picture and latents.
    static let imageByteCount = 10

    struct Record {
        var accepted: AcceptedBatch
        var key: String?
        var status: BatchStatus?
        var endedAt = 0.0
        var erasedAt: Double?
        var outcomes: [Int: Outcome] = [:]
        var isPinned = false

        /// Images without an outcome.
        var openCount: Int {
            status == nil
                ? accepted.imageCount - outcomes.values.count { $0 != .sampled } : 0
        }

        var byteCount: Int {
            erasedAt == nil
                ? outcomes.values.count { $0 == .finished } * SimulatedDisk.imageByteCount : 0
        }
    }

    private(set) var records: [BatchID: Record] = [:]
    private(set) var order: [BatchID] = []
    private var usedNumbers: [Range<Int>] = []
    private(set) var acceptedCount = 0
    var problem: String?
    private let limits: LedgerLimits

    init(limits: LedgerLimits) { self.limits = limits }

    /// Pictures and latents of all batches.
    var byteCount: Int { records.values.reduce(0) { $0 + $1.byteCount } }

    var nextImage: ImageNumber { ImageNumber(usedNumbers.map(\.upperBound).max() ?? 0) }

    mutating func apply(_ changes: [LedgerChange]) {
        for change in changes {
            switch change {
            case .accept(let batch): accept(batch)
            case .end(let id, let end):
                if records[id]?.status != nil { problem = "batch \(id) ends twice" }
                records[id]?.status = end.status
                records[id]?.endedAt = end.endedAt
            case .erase(let id, let time): records[id]?.erasedAt = time
            case .pin(let id, let isPinned): records[id]?.isPinned = isPinned
            case .releaseKey(let id): records[id]?.key = nil
            case .forget(let id): records[id] = nil
            }
        }
        order.removeAll { records[$0] == nil }
    }

    private mutating func accept(_ batch: AcceptedBatch) {
        if usedNumbers.contains(where: { $0.overlaps(batch.images) }) {
            problem = "images \(batch.images) have numbers of others"
        }
        if let key = batch.submission.key,
            let other = record(of: key, batch.caller)
        {
            problem =
                "\(batch.caller)'s key \(key) makes batch \(batch.id) beside \(other.accepted.id)"
        }
        usedNumbers.append(batch.images)
        let open = records.values.filter { $0.accepted.caller == batch.caller }
            .reduce(batch.imageCount) { $0 + $1.openCount }
        if open > limits.queuedPerCaller || batch.imageCount > limits.imagesPerBatch {
            problem = "\(batch.caller) has \(open) images in the queue"
        }
        records[batch.id] = Record(accepted: batch, key: batch.submission.key)
        order.append(batch.id)
        acceptedCount += 1
    }

    func record(of key: String, _ caller: CallerID) -> Record? {
        records.values.first { $0.key == key && $0.accepted.caller == caller }
    }

    /// The batch of an image, and the image's place in it.
    func find(_ image: ImageNumber) -> (id: BatchID, index: Int)? {
        for (id, record) in records where record.accepted.images.contains(image.rawValue) {
            return (id, image.rawValue - record.accepted.images.lowerBound)
        }
        return nil
    }

    mutating func set(_ outcome: Outcome, of image: ImageNumber) {
        guard let (id, index) = find(image), records[id]?.status == nil else { return }
        records[id]?.outcomes[index] = outcome
    }

    /// What the service finds when it starts.
    var stored: StoredLedger {
        var stored = StoredLedger(nextImage: nextImage)
        for id in order {
            guard let record = records[id] else { continue }
            if let status = record.status {
                stored.ended.append(
                    EndedBatch(
                        id: id, caller: record.accepted.caller, key: record.key,
                        bodyDigest: record.accepted.submission.bodyDigest, status: status,
                        endedAt: record.endedAt, erasedAt: record.erasedAt,
                        origin: record.accepted.submission.origin, byteCount: record.byteCount,
                        isPinned: record.isPinned))
            } else {
                func images(_ outcome: Outcome) -> Set<Int> {
                    Set(record.outcomes.filter { $0.value == outcome }.keys)
                }
                stored.live.append(
                    StoredLiveBatch(
                        accepted: record.accepted, finished: images(.finished),
                        failed: images(.failed), sampled: images(.sampled),
                        byteCount: record.byteCount, isPinned: record.isPinned))
            }
        }
        return stored
    }
}
