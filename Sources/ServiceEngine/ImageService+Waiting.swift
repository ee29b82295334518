// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import ImageCodec
import ProcessSupport
package import Requests
import RunService
import Runs
package import ServiceAPI
package import ServiceLedger
import Synchronization

/// Requests that wait for their pictures.
extension ImageService {
    package var model: ModelRecord { served.record }
    package var defaults: GenerationRequest { served.defaults }
    package var version: String { ProgramVersion.text }

    package func left(_ id: BatchID, isAnswered: Bool) {
        apply(.left(id, isAnswered: isAnswered))
    }

    package func hasEnded(
        _ id: BatchID, for caller: ServedCaller
    ) throws(APIProblem) -> Bool {
        switch state.withLock({ $0.ledger.visibility(of: id, to: caller.visitor) }) {
        case .live: false
        case .ended: true
        case .erased: throw .erasedBatch(id.text)
        case .unknown: throw .unknownBatch(id.text)
        }
    }

    package func finished(
        _ id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> FinishedBatch {
        var page = ImagePage()
        page.count = ImagePage.countMax
        let batch = try await batch(id, for: caller, images: page)
        var finished = FinishedBatch(batch: batch, images: [], failures: [])
        for image in batch.images ?? [] {
            if image.status == "completed" {
                finished.images.append(try await finishedImage(image.index, of: id, for: caller))
            } else if let error = image.error {
                finished.failures.append("image \(image.index): \(error)")
            }
        }
        return finished
    }

    package func finishedImage(
        _ index: Int, of id: BatchID, for caller: ServedCaller
    ) async throws(APIProblem) -> FinishedBatch.Image {
        let file = try await picture(
            index, of: id, for: caller, width: nil, known: KnownTags(nil))
        let request = try await page(index, of: id).request(at: index)
        let text = GenerationParametersText(
            request: request, model: model, version: version,
            mergeMethod: PictureEncoding.standard.mergeMethod)
        return FinishedBatch.Image(request: request, picture: file.bytes, infotext: text.text)
    }

    package func awaited(by caller: ServedCaller, _ origin: BatchOrigin) -> [AwaitedBatch] {
        let views = state.withLock { state in
            state.ledger.awaited(by: caller.visitor.caller, origin).compactMap { id in
                if case .live(let view) = state.ledger.visibility(
                    of: id, to: caller.visitor, findsPlace: true)
                {
                    view
                } else {
                    nil
                }
            }
        }
        return views.map { view in
            AwaitedBatch(
                id: view.accepted.id.text, created: view.accepted.acceptedAt,
                imageCount: view.accepted.imageCount,
                settledCount: view.finishedCount + view.failedCount,
                steps: view.images.sorted { $0.key < $1.key }.map { index, image in
                    let all = view.accepted.request(at: index).modelCallCount
                    return (image.isSampled ? all : image.step, all)
                }, etaSeconds: view.remainingSeconds)
        }
    }

    package func interrupt(
        _ caller: ServedCaller, _ origin: BatchOrigin
    ) async throws(APIProblem) {
        let ids = state.withLock { $0.ledger.awaited(by: caller.visitor.caller, origin) }
        for id in ids { _ = await ask { .cancel(id, by: caller.visitor, ticket: $0) } }
    }

    package func texts(
        inPicture bytes: [UInt8]
    ) async throws(APIProblem) -> [(keyword: String, text: String)] {
        try await perform { () throws(APIProblem) in
            do {
                return try PNG.decode(bytes).texts.map { ($0.keyword, $0.text) }
            } catch {
                throw APIProblem(422, "invalid", "image is no PNG that can be read: \(error)")
            }
        }
    }
}
