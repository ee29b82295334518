// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ProcessSupport
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

    let wishes = Mutex<[Wish]>([])
    let queue = EventQueue()

    func visitor(
        _ credentials: String?, isLocal: Bool
    ) async throws(APIProblem) -> ServedCaller {
        guard credentials == "good" || credentials == nil && isLocal else { throw .unauthorized }
        return ServedCaller(visitor: Visitor(CallerID("local")))
    }

    func submit(
        _ wish: Wish, by caller: ServedCaller
    ) async throws(APIProblem) -> (batch: BatchAnswer, isReplay: Bool) {
        let isReplay = wishes.withLock { wishes in
            defer { wishes.append(wish) }
            return wish.key != nil && wishes.contains { $0.key == wish.key }
        }
        return (BatchAnswer(Self.batch, model: "m"), isReplay)
    }

    func cancel(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) -> BatchAnswer {
        try await batch(id, for: caller, withImages: false)
    }

    func erase(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) {
        _ = try await batch(id, for: caller, withImages: false)
    }

    func batch(
        _ id: BatchID, for caller: ServedCaller, withImages: Bool
    ) async throws(APIProblem) -> BatchAnswer {
        guard id == Self.batch.id else { throw .unknownBatch(id.text) }
        return BatchAnswer(Self.batch, model: "m")
    }

    func batches(
        _ query: BatchQuery, for caller: ServedCaller
    ) async throws(APIProblem) -> [BatchAnswer] {
        [BatchAnswer(Self.batch, model: "m")]
    }

    func image(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ImageAnswer {
        var answer = ImageAnswer(index: index, request: Self.batch.request(at: index))
        answer.step = 3
        return answer
    }

    func picture(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile {
        guard index == 0 else { throw .notReady(index, retryAfterSeconds: 7) }
        return ServedFile(
            bytes: Array("0123456789".utf8), mediaType: "image/png", tag: "\"t\"",
            name: "00000-1.png")
    }

    func latents(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> ServedFile {
        throw .unknownImage("\(index)", count: 2)
    }

    func report(of id: BatchID, for caller: ServedCaller) async throws(APIProblem) -> [UInt8] {
        Array("{}\n".utf8)
    }

    var capabilities: String { "{}" }

    func cluster(for caller: ServedCaller) -> ClusterAnswer {
        ClusterAnswer(
            version: "v", workers: [],
            queue: ClusterAnswer.Queue(batches: 0, images: 0, callers: 0, imageSeconds: nil))
    }

    func watch(_ id: BatchID?, for caller: ServedCaller) async throws(APIProblem) -> EventQueue {
        queue
    }

    var unreadiness: String? { nil }
    var metrics: PrometheusText { PrometheusText() }
}
