// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceAPI
import ServiceLedger

/// OpenAI's paths.
extension ServiceRoutes {
    func addOpenAI(to router: Router<Context>) {
        router.get("/v1/models") { request, context in
            _ = try await caller(request, context)
            return Response.json(text: try OpenAIAnswer.models(service.model))
        }
        router.get("/v1/models/:name") { request, context in
            _ = try await caller(request, context)
            let name = PercentText.decoded(context.parameters.get("name") ?? "")
            try service.model.requireName(name)
            return Response.json(text: try OpenAIAnswer.model(service.model))
        }
        router.post("/v1/images/generations") { request, context in
            let caller = try await caller(request, context)
            let body = try await json(request)
            let unread = UnreadBody { [service] () throws(APIProblem) in
                try OpenAIRequest(body, model: service.model)
            }
            let waiting = try await wait(for: body, .openai(unread), request, context, caller) {
                let asked = try unread.value
                return asked.streams && asked.partialImageCount > 0
            }
            let asked = try unread.value
            if asked.streams {
                return stream(
                    waiting, ignored: asked.ignored, partialCount: asked.partialImageCount)
            }
            return try await answer(waiting, in: .openai, ignored: asked.ignored) { finished in
                try OpenAIAnswer.pictures(finished)
            }
        }
    }

    /// Sends each picture when it is there, and before the first what it may become.
    private func stream(
        _ waiting: WaitingRequest, ignored: IgnoredFields, partialCount: Int
    ) -> Response {
        var headers = headers(of: waiting, ignored)
        headers[.contentType] = EventText.mediaType
        let body = ResponseBody { writer in
            var sent: Set<Int> = []
            var partials = PartialImages(count: partialCount)
            let clock = ContinuousClock()
            var lastSent = clock.now
            while true {
                var page = ImagePage()
                page.count = ImagePage.countMax
                let batch = try await service.batch(
                    waiting.id, for: waiting.caller, images: page)
                for image in batch.images ?? [] where image.status == "completed" {
                    guard sent.insert(image.index).inserted else { continue }
                    let finished = try await service.finishedImage(
                        image.index, of: waiting.id, for: waiting.caller)
                    let text = try OpenAIAnswer.completed(
                        finished.picture, of: finished.request, created: batch.created)
                    try await writer.write(ByteBuffer(string: text))
                    lastSent = clock.now
                }
                if let text = try await partial(&partials, of: waiting, batch, sent) {
                    try await writer.write(ByteBuffer(string: text))
                    lastSent = clock.now
                }
                if BatchStatus(rawValue: batch.status)?.isFinal == true {
                    let finished = try await service.finished(waiting.id, for: waiting.caller)
                    if let problem = finished.streamProblem {
                        try await writer.write(
                            ByteBuffer(string: OpenAIAnswer.failed(problem)))
                    }
                    break
                }
                if clock.now - lastSent >= times.padding {
                    try await writer.write(ByteBuffer(string: EventText.comment))
                    lastSent = clock.now
                }
                try await waiting.change()
            }
            try await writer.finish(nil)
            waiting.settle(isAnswered: true)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// What the first picture may become, if a next look at it is due.
    private func partial(
        _ partials: inout PartialImages, of waiting: WaitingRequest, _ batch: BatchAnswer,
        _ sent: Set<Int>
    ) async throws -> String? {
        guard partials.isOpen, sent.isEmpty,
            let preview = try await service.preview(
                0, of: waiting.id, for: waiting.caller, isEnlarged: true),
            let number = partials.number(of: preview.step, of: preview.steps)
        else { return nil }
        return try OpenAIAnswer.partial(preview, number, created: batch.created)
    }
}
