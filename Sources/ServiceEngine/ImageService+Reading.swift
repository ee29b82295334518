// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Logging
import Requests
import RunService
import Runs
package import ServiceAPI
package import ServiceLedger
import Synchronization
import WireProtocol

/// What callers see of batches and images: the disk, and over it what is going on.
extension ImageService {
    package func batch(
        _ id: BatchID, for caller: ServedCaller, withImages: Bool
    ) async throws(APIProblem) -> BatchAnswer {
        let live = try liveView(of: id, for: caller)
        let (stored, images) = try await read {
            [store] () throws(ServiceStateError) -> (StoredBatch?, [Int: StoredImage]) in
            let stored = try store.batch(id)
            guard withImages, let stored else { return (stored, [:]) }
            return (stored, try store.images(of: stored.accepted))
        }
        guard let stored else { throw .erasedBatch(id.text) }
        var answer = answer(stored, live)
        if withImages {
            answer.images = (0..<stored.accepted.imageCount).map {
                Self.answer($0, of: stored, images[$0], live?.images[$0])
            }
        }
        return answer
    }

    package func batches(
        _ query: BatchQuery, for caller: ServedCaller
    ) async throws(APIProblem) -> [BatchAnswer] {
        var filter = ServiceStore.Filter(
            caller: caller.visitor.isAdmin ? nil : caller.visitor.caller)
        (filter.status, filter.text, filter.before) = (query.status, query.text, query.before)
        let stored = try await read { [store, filter] () throws(ServiceStateError) in
            try store.batches(filter)
        }
        let answers = stored.map { stored in
            answer(stored, try? liveView(of: stored.accepted.id, for: caller, findsPlace: false))
        }
        // Which of those that go on have begun, only the ledger knows.
        guard let status = query.status else { return answers }
        return answers.filter { $0.status == status.rawValue }
    }

    package func image(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ImageAnswer {
        let live = try liveView(of: id, for: caller, findsPlace: false)
        let (batch, image) = try await stored(index, of: id)
        return Self.answer(index, of: batch, image, live?.images[index])
    }

    package func picture(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile {
        try requireVisible(id, to: caller)
        let (batch, image) = try await stored(index, of: id)
        guard let picture = image.picture, let result = image.result else {
            throw missing(index, of: batch, image)
        }
        let path = "\(store.pictureFolder(of: id))/\(picture.file)"
        let bytes = try await perform { [logger] () throws(APIProblem) -> [UInt8] in
            guard let bytes = ServiceStore.file(path) else {
                logger.error("a picture is gone", metadata: ["path": "\(path)"])
                throw .noPicture(index, "its file is gone; submit it again")
            }
            return bytes
        }
        return ServedFile(
            bytes: bytes, mediaType: "image/png",
            tag: "\"\(Hexadecimal.text(result.facts.sha256.prefix(16)))-p\"", name: picture.file)
    }

    package func latents(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile {
        try requireVisible(id, to: caller)
        let (batch, image) = try await stored(index, of: id)
        guard let result = image.result else { throw missing(index, of: batch, image) }
        let bytes = try await perform { [store] () throws(APIProblem) -> [UInt8] in
            guard let latents = store.archive.read(result.facts, digest: \.sha256) else {
                throw .noPicture(index, "its latents are gone or damaged; submit it again")
            }
            return PictureEncoding.standard.latents(latents)
        }
        let seed = batch.accepted.request(at: index).seed
        return ServedFile(
            bytes: bytes, mediaType: "application/octet-stream",
            tag: "\"\(Hexadecimal.text(result.facts.sha256))\"",
            name: RunFileName.latents(ImageNumber(index), seed: seed))
    }

    package func report(
        of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> [UInt8] {
        try requireVisible(id, to: caller)
        let report = try await read {
            [store, model] () throws(ServiceStateError) -> [UInt8]? in
            try store.report(of: id, model: model.record, at: Self.now)
        }
        guard let report else { throw .erasedBatch(id.text) }
        return report
    }

    // MARK: Parts

    func requireVisible(_ id: BatchID, to caller: ServedCaller) throws(APIProblem) {
        _ = try liveView(of: id, for: caller, findsPlace: false)
    }

    /// What is going on with a batch; `nil` if it has ended.
    private func liveView(
        of id: BatchID, for caller: ServedCaller, findsPlace: Bool = true
    ) throws(APIProblem) -> LiveBatchView? {
        let visibility = state.withLock {
            $0.ledger.visibility(of: id, to: caller.visitor, findsPlace: findsPlace)
        }
        switch visibility {
        case .live(let view): return view
        case .ended: return nil
        case .erased: throw .erasedBatch(id.text)
        case .unknown: throw .unknownBatch(id.text)
        }
    }

    private func stored(
        _ index: Int, of id: BatchID
    ) async throws(APIProblem) -> (StoredBatch, StoredImage) {
        let found = try await read {
            [store] () throws(ServiceStateError) -> (StoredBatch, StoredImage?)? in
            guard let batch = try store.batch(id) else { return nil }
            guard (0..<batch.accepted.imageCount).contains(index) else { return (batch, nil) }
            return (batch, try store.image(batch.accepted.number(at: index)))
        }
        guard let (batch, image) = found else { throw .erasedBatch(id.text) }
        guard let image else {
            throw .unknownImage("\(index)", count: batch.accepted.imageCount)
        }
        return (batch, image)
    }

    /// Why an image has no picture or latents.
    private func missing(_ index: Int, of batch: StoredBatch, _ image: StoredImage) -> APIProblem {
        if image.hasFailed {
            return .noPicture(index, image.failures.map(\.sentence).joined(separator: "; "))
        }
        if batch.end != nil { return .noPicture(index, "its batch was cancelled") }
        let seconds = state.withLock(\.ledger.queue.imageSeconds) ?? 5
        return .notReady(index, retryAfterSeconds: Int(seconds.rounded(.up)))
    }

    private func answer(_ stored: StoredBatch, _ live: LiveBatchView?) -> BatchAnswer {
        var answer = BatchAnswer(stored.accepted, model: model.record.name)
        answer.finished = stored.finishedCount
        answer.faulted = stored.failedCount
        if let end = stored.end {
            answer.status = end.status.rawValue
            answer.started = end.startedAt
            answer.completed = end.endedAt
            answer.waiting = 0
            answer.keepUntil = state.withLock(\.ledger.keepSeconds).map { end.endedAt + $0 }
        } else if let live {
            answer.status = live.status.rawValue
            answer.started = live.startedAt
            answer.waiting = live.waitingCount
            answer.processing = live.images.count
            answer.restarted = live.retryCount
            answer.queuePosition = live.place
            answer.etaSeconds = live.remainingSeconds
            answer.reason = state.withLock(\.fleet.reason)
            answer.isPossible = answer.reason == nil
        }
        return answer
    }

    private static func answer(
        _ index: Int, of batch: StoredBatch, _ stored: StoredImage?, _ live: LiveBatchView.Image?
    ) -> ImageAnswer {
        var answer = ImageAnswer(index: index, request: batch.accepted.request(at: index))
        if let result = stored?.result {
            answer.worker = result.worker
            answer.attempt = result.attempt
            answer.latentSHA256 = Hexadecimal.text(result.facts.sha256)
            answer.samplingSeconds = result.facts.timings.samplingSeconds
        }
        if stored?.picture != nil {
            answer.status = "completed"
        } else if let stored, stored.hasFailed {
            answer.status = "failed"
            answer.error = stored.failures.map(\.sentence).joined(separator: "; ")
        } else if batch.end != nil {
            answer.status = "cancelled"
        } else if stored?.result != nil {
            answer.status = "decoding"
        } else if let live, let worker = live.worker {
            answer.status = "generating"
            answer.worker = worker
            answer.attempt = live.attempt
            answer.step = live.step
        }
        return answer
    }
}
