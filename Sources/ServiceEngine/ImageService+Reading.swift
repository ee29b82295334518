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
        _ id: BatchID, for caller: ServedCaller, images: ImagePage?
    ) async throws(APIProblem) -> BatchAnswer {
        let live = try liveView(of: id, for: caller)
        guard let images else {
            // The ledger hears of what is on the disk: nothing has to be read.
            if let live { return answer(StoredBatch(live), live) }
            let batch = try await read { [store] () throws(ServiceStateError) in
                try store.batch(id)
            }
            guard let batch else { throw .erasedBatch(id.text) }
            return answer(batch, live)
        }
        let page = try await page(images, of: id)
        var answer = answer(page.batch, live)
        answer.spans = page.spans.map {
            SpanAnswer(first: $0.first, count: $0.span.count, request: $0.span.first)
        }
        answer.images = page.range.map { Self.answer($0, of: page, live?.images[$0]) }
        let count = page.batch.images.count
        answer.next = page.range.upperBound < count ? page.range.upperBound : nil
        return answer
    }

    package func batches(
        _ query: BatchQuery, for caller: ServedCaller
    ) async throws(APIProblem) -> [BatchAnswer] {
        var filter = ServiceStore.Filter(
            caller: caller.visitor.isAdmin ? nil : caller.visitor.caller)
        (filter.status, filter.text, filter.before) = (query.status, query.text, query.before)
        if let name = query.model {
            guard models.names.contains(name) else {
                throw .unknownChoice("model", name, of: models.names)
            }
            filter.firstImages = models.firstImages(of: name)
        }
        if let method = query.mergeMethod {
            guard served.mergeMethods.contains(method) else {
                throw .unknownChoice("merge", method, of: served.mergeMethods)
            }
            filter.mergeMethod = method
        }
        if query.status?.isFinal == false {
            filter.begun = state.withLock { $0.ledger.begunBatches }
        }
        let found = try await stored(filter)
        // First the disk, then the ledger: a batch that the ledger has not heard of is new, and one
        // that it knows to have ended has ended on the disk, too.
        let views = state.withLock { state in
            found.map { state.ledger.visibility(of: $0.id, to: caller.visitor) }
        }
        filter.ids = zip(found, views).compactMap { batch, view in
            guard batch.end == nil, case .ended = view else { return nil }
            return batch.id
        }
        filter.status = nil
        let ended = filter.ids?.isEmpty == false ? try await stored(filter) : []
        let answers = zip(found, views).compactMap { batch, view -> BatchAnswer? in
            switch view {
            case .live(let live): answer(batch, live)
            case .ended: answer(ended.first { $0.id == batch.id } ?? batch, nil)
            case .erased: nil
            case .unknown: answer(batch, nil)
            }
        }
        // What has begun or ended meanwhile is of another status.
        guard let status = query.status else { return answers }
        return answers.filter { $0.status == status.rawValue }
    }

    package func image(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ImageAnswer {
        let live = try liveView(of: id, for: caller, findsPlace: false)
        if let live, let image = live.images[index], !image.isSampled {
            return Self.answer(index, live.accepted.request(at: index), nil, image, hasEnded: false)
        }
        return Self.answer(index, of: try await page(index, of: id), live?.images[index])
    }

    package func latents(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile {
        try requireVisible(id, to: caller)
        let page = try await page(index, of: id)
        guard let result = page.images[index]?.result else { throw missing(index, of: page) }
        let bytes = try await perform { [store] () throws(APIProblem) in
            store.archive.read(result.facts, digest: \.sha256)
                .map(PictureEncoding.standard.latents)
        }
        guard let bytes else {
            // They may have been erased meanwhile.
            try requireVisible(id, to: caller)
            throw .noPicture(index, "its latents are gone or damaged; submit it again")
        }
        let seed = page.request(at: index).seed
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
            [store, model, now] () throws(ServiceStateError) -> [UInt8]? in
            try store.report(of: id, model: model, at: now)
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
        _ filter: ServiceStore.Filter
    ) async throws(APIProblem) -> [StoredBatch] {
        try await read { [store] () throws(ServiceStateError) in try store.batches(filter) }
    }

    private func page(
        _ images: ImagePage, of id: BatchID
    ) async throws(APIProblem) -> StoredPage {
        let page = try await read { [store] () throws(ServiceStateError) in
            try store.page(of: id, from: images.from, countMax: images.count)
        }
        guard let page else { throw .erasedBatch(id.text) }
        return page
    }

    /// The page of one image.
    func page(_ index: Int, of id: BatchID) async throws(APIProblem) -> StoredPage {
        var images = ImagePage()
        (images.from, images.count) = (index, 1)
        let page = try await page(images, of: id)
        guard page.range.contains(index) else {
            throw .unknownImage("\(index)", count: page.batch.images.count)
        }
        return page
    }

    /// Why an image has no picture or latents.
    func missing(_ index: Int, of page: StoredPage) -> APIProblem {
        if let image = page.images[index], image.hasFailed {
            return .noPicture(index, image.failures.map(\.sentence).joined(separator: "; "))
        }
        if page.batch.end != nil { return .noPicture(index, "its batch was cancelled") }
        return .notReady(index, retryAfterSeconds: usualSeconds)
    }

    /// Seconds that an image takes, as far as that is known.
    var usualSeconds: Int {
        Int((state.withLock(\.ledger.queue.imageSeconds) ?? 5).rounded(.up))
    }

    private func answer(_ stored: StoredBatch, _ live: LiveBatchView?) -> BatchAnswer {
        var answer = BatchAnswer(
            id: stored.id, model: models.name(ofBatchAt: stored.images.lowerBound),
            prompt: stored.prompt,
            priority: stored.priority, origin: stored.origin, details: stored.details,
            created: stored.acceptedAt, imageCount: stored.images.count)
        answer.finished = stored.finishedCount
        answer.faulted = stored.failedCount
        answer.isPinned = stored.isPinned
        if let end = stored.end {
            answer.status = end.status.rawValue
            answer.started = end.startedAt
            answer.completed = end.endedAt
            answer.waiting = 0
            if !stored.isPinned {
                answer.keepUntil = state.withLock(\.ledger.keepSeconds).map { end.endedAt + $0 }
            }
        } else if let live {
            answer.status = live.status.rawValue
            answer.started = live.startedAt
            answer.waiting = live.waitingCount
            answer.processing = live.images.count
            answer.restarted = live.retryCount
            answer.queuePosition = live.place
            answer.etaSeconds = live.remainingSeconds
            answer.reason = waitReason
            answer.isPossible = answer.reason == nil
        }
        return answer
    }

    private static func answer(
        _ index: Int, of page: StoredPage, _ live: LiveBatchView.Image?
    ) -> ImageAnswer {
        answer(
            index, page.request(at: index), page.images[index], live,
            hasEnded: page.batch.end != nil)
    }

    /// - Parameter hasEnded: whether its batch has.
    private static func answer(
        _ index: Int, _ request: GenerationRequest, _ stored: StoredImage?,
        _ live: LiveBatchView.Image?, hasEnded: Bool
    ) -> ImageAnswer {
        var answer = ImageAnswer(index: index, seed: request.seed)
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
        } else if hasEnded {
            answer.status = "cancelled"
        } else if stored?.result != nil {
            answer.status = "decoding"
        } else if let live, let worker = live.worker {
            answer.status = "generating"
            answer.worker = worker
            answer.attempt = live.attempt
            answer.step = live.step
            answer.steps = request.modelCallCount
        }
        return answer
    }
}

extension StoredBatch {
    /// A batch as the ledger knows it.
    fileprivate init(_ live: LiveBatchView) {
        self.init(
            live.accepted, finishedCount: live.finishedCount, failedCount: live.failedCount,
            isPinned: live.isPinned)
    }
}
