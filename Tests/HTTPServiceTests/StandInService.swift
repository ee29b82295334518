// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ProcessSupport
import Requests
import ServiceAPI
import ServiceLedger
import Synchronization
import TestSupport

/// A service of one batch, of which nothing is generated.
final class StandInService: ImageServing {
    static let batch = AcceptedBatch(
        Submission(
            id: BatchID("b1"), caller: CallerID("local"),
            spans: [
                ImageSpan(
                    first: GenerationRequest(prompt: "a", seed: 1, width: 64, height: 64), count: 2)
            ]), firstImage: ImageNumber(0), acceptedAt: 1)

    static let answer = BatchAnswer(
        id: batch.id, model: "m", prompt: "a", created: 1, imageCount: batch.imageCount)

    let submissions = Mutex<[SubmissionRequest]>([])
    /// Pages that were asked for.
    let pages = Mutex<[ImagePage]>([])
    /// Lists that were asked for.
    let queries = Mutex<[BatchQuery]>([])
    /// Of requests that waited, whether they were answered.
    let leavings = Mutex<[Bool]>([])
    /// Whether its batch has ended.
    let isDone = Mutex(false)
    /// Whether nobody may enter any more.
    let isClosed = Mutex(false)
    /// The session that is open.
    let session = Mutex<String?>(nil)
    let queue = EventQueue()
    /// How often the state of an image was asked for.
    let imageReadCount = Mutex(0)

    func visitor(
        _ credentials: String?, isLocal: Bool
    ) async throws(APIProblem) -> ServedCaller {
        guard credentials == "good" || credentials == nil && isLocal, !isClosed.withLock({ $0 })
        else { throw .unauthorized }
        return ServedCaller(visitor: Visitor(CallerID("local")))
    }

    func visitor(session: String) async throws(APIProblem) -> ServedCaller? {
        guard session == self.session.withLock({ $0 }) else { return nil }
        return ServedCaller(visitor: Visitor(CallerID("key:good")))
    }

    func openSession(_ key: String) async throws(APIProblem) -> (text: String, seconds: Int) {
        guard key == "good" else { throw .unauthorized }
        session.withLock { $0 = "s1" }
        return ("s1", 60)
    }

    func endSession(_ text: String) async throws(APIProblem) {
        session.withLock { if $0 == text { $0 = nil } }
    }

    func submit(
        _ request: SubmissionRequest, by caller: ServedCaller
    ) async throws(APIProblem) -> (batch: BatchAnswer, isReplay: Bool) {
        switch request.content {
        case .json, .lines: break
        case .sdapi(let unread): _ = try unread.value
        case .openai(let unread): _ = try unread.value
        }
        let isReplay = submissions.withLock { submissions in
            defer { submissions.append(request) }
            return request.key != nil && submissions.contains { $0.key == request.key }
        }
        return (Self.answer, isReplay)
    }

    func cancel(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) -> BatchAnswer {
        try await batch(id, for: caller, images: nil)
    }

    func pin(
        _ id: BatchID, _ isPinned: Bool, by caller: ServedCaller
    ) async throws(APIProblem) -> BatchAnswer {
        var answer = try await batch(id, for: caller, images: nil)
        answer.isPinned = isPinned
        return answer
    }

    func erase(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) {
        _ = try await batch(id, for: caller, images: nil)
    }

    func batch(
        _ id: BatchID, for caller: ServedCaller, images: ImagePage?
    ) async throws(APIProblem) -> BatchAnswer {
        guard id == Self.batch.id else { throw .unknownBatch(id.text) }
        if let images { pages.withLock { $0.append(images) } }
        var answer = Self.answer
        if isDone.withLock({ $0 }) { answer.status = "completed" }
        return answer
    }

    func batches(
        _ query: BatchQuery, for caller: ServedCaller
    ) async throws(APIProblem) -> [BatchAnswer] {
        queries.withLock { $0.append(query) }
        return [Self.answer]
    }

    func image(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ImageAnswer {
        imageReadCount.withLock { $0 += 1 }
        var answer = ImageAnswer(index: index, seed: Self.batch.request(at: index).seed)
        (answer.step, answer.steps) = (3, 20)
        return answer
    }

    func picture(
        _ index: Int, of id: BatchID, for caller: ServedCaller, width: Int?, known: KnownTags
    ) async throws(APIProblem) -> ServedFile {
        guard index == 0 else { throw .notReady(index, retryAfterSeconds: 7) }
        return ServedFile(
            bytes: Array("0123456789".utf8), mediaType: "image/png",
            tag: "\"t\(width.map { "-w\($0)" } ?? "")\"", name: "00000-1.png")
    }

    func sheet(
        of id: BatchID, page: Int, for caller: ServedCaller, known: KnownTags
    ) async throws(APIProblem) -> ServedFile {
        guard page <= 2 else { throw .unknownPage(page, count: 2) }
        return ServedFile(
            bytes: Array("sheet \(page)".utf8), mediaType: "image/png", tag: "\"s\(page)\"",
            name: "grid-0000.png", isFinal: page == 1)
    }

    func latents(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile {
        guard index == 0 else { throw .unknownImage("\(index)", count: 2) }
        return ServedFile(
            bytes: [1, 2, 3], mediaType: "application/octet-stream", tag: "\"l\"",
            name: "00000-1.safetensors")
    }

    func report(of id: BatchID, for caller: ServedCaller) async throws(APIProblem) -> [UInt8] {
        Array("{}\n".utf8)
    }

    var capabilities: String { "{}" }

    func setAside(
        _ isSetAside: Bool, worker: String, by caller: ServedCaller
    ) async throws(APIProblem) -> ClusterAnswer.Worker {
        guard worker == "m" else { throw .unknownWorker(worker, of: ["m"]) }
        var answer = ClusterAnswer.Worker(name: worker)
        answer.isSetAside = isSetAside
        return answer
    }

    func cluster(for caller: ServedCaller) async throws(APIProblem) -> ClusterAnswer {
        ClusterAnswer(
            version: "v", workers: [],
            queue: ClusterAnswer.Queue(batches: 0, images: 0, callers: 0, imageSeconds: nil))
    }

    func watch(
        _ id: BatchID?, for caller: ServedCaller, isStream: Bool, previews: Bool
    ) async throws(APIProblem) -> EventQueue { queue }

    func preview(
        _ index: Int, of id: BatchID, for caller: ServedCaller, isEnlarged: Bool
    ) async throws(APIProblem) -> ImagePreview? {
        let text = isEnlarged ? "large preview" : "small preview"
        guard index == 0 else { return nil }
        return ImagePreview(
            step: 10, steps: 20, width: 8, height: 8, picture: Array(text.utf8))
    }

    func hasEnded(_ id: BatchID, for caller: ServedCaller) throws(APIProblem) -> Bool {
        isDone.withLock { $0 }
    }

    func left(_ id: BatchID, isAnswered: Bool) { leavings.withLock { $0.append(isAnswered) } }

    func finished(
        _ id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> FinishedBatch {
        var answer = Self.answer
        answer.status = "completed"
        return FinishedBatch(
            batch: answer, images: [try await finishedImage(0, of: id, for: caller)], failures: [])
    }

    func finishedImage(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> FinishedBatch.Image {
        FinishedBatch.Image(
            request: Self.batch.request(at: index), picture: Array("0123456789".utf8),
            infotext: "a\nSteps: 25")
    }

    func awaited(by caller: ServedCaller, _ origin: BatchOrigin) -> [AwaitedBatch] { [] }

    func interrupt(_ caller: ServedCaller, _ origin: BatchOrigin) async throws(APIProblem) {}

    func texts(
        inPicture bytes: [UInt8]
    ) async throws(APIProblem) -> [(keyword: String, text: String)] { [] }

    let model = ModelRecord(
        name: "m",
        fingerprint: ModelFingerprint(
            unet: Array(repeating: 1, count: 32), textEncoder: Array(repeating: 2, count: 32),
            vae: Array(repeating: 3, count: 32)))
    let defaults = GenerationRequest(prompt: "", seed: 0, width: 64, height: 64)
    var version: String { "v" }

    var unreadiness: String? { nil }
    var metrics: PrometheusText { PrometheusText() }
}
