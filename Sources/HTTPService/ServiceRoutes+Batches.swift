// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import ServiceAPI
import ServiceLedger

/// Batches: submitted, listed, ended.
extension ServiceRoutes {
    /// Longest body, in bytes; a prompt file may be longer.
    private static let bodyByteCountMax = 1 << 20
    private static let promptFileByteCountMax = 8 << 20
    /// Longest `Idempotency-Key`, in bytes.
    private static let keyByteCountMax = 255

    func addBatches(to router: Router<Context>) {
        router.post("/retom/v1/batches") { try await submit($0, $1) }
        router.get("/retom/v1/batches") { try await list($0, $1) }
        router.get("/retom/v1/batches/:id") { request, context in
            let answer = try await service.batch(
                batch(context), for: caller(request, context), images: try page(request))
            return try Response.json(answer)
        }
        router.post("/retom/v1/batches/:id/cancel") { request, context in
            try Response.json(
                try await service.cancel(batch(context), by: caller(request, context)))
        }
        for (name, isPinned) in [("pin", true), ("unpin", false)] {
            router.post(RouterPath("/retom/v1/batches/:id/\(name)")) { request, context in
                try Response.json(
                    try await service.pin(
                        batch(context), isPinned, by: caller(request, context)))
            }
        }
        router.delete("/retom/v1/batches/:id") { request, context in
            try await service.erase(batch(context), by: caller(request, context))
            return Response(status: .noContent)
        }
        router.get("/retom/v1/batches/:id/report") { request, context in
            let report = try await service.report(
                of: batch(context), for: caller(request, context))
            return Response.json(text: String(decoding: report, as: UTF8.self))
        }
    }

    private func submit(_ request: Request, _ context: Context) async throws -> Response {
        let caller = try await caller(request, context)
        let submission = try await submission(request)
        let (batch, isReplay) = try await service.submit(submission, by: caller)
        var headers: HTTPFields = [.location: "/retom/v1/batches/\(batch.id)"]
        if isReplay, let name = HTTPField.Name("Idempotent-Replayed") { headers[name] = "true" }
        return try Response.json(batch, status: isReplay ? .ok : .accepted, headers: headers)
    }

    private func submission(_ request: Request) async throws -> SubmissionRequest {
        let content: SubmissionRequest.Content
        let byteCountMax: Int
        switch request.mediaType {
        case "application/json": (content, byteCountMax) = (.json, Self.bodyByteCountMax)
        case "application/jsonl", "application/x-ndjson", "application/x-jsonlines":
            (content, byteCountMax) = (.lines, Self.promptFileByteCountMax)
        default: throw APIProblem.unsupportedType(request.headers[.contentType])
        }
        let key = try key(request)
        var priority: BatchPriority?
        if let text = request.query["priority"] {
            priority = BatchPriority(rawValue: text)
            guard priority != nil else {
                throw APIProblem.unknownChoice(
                    "priority", text, of: BatchPriority.allCases.map(\.rawValue))
            }
        }
        let body = try await request.bytes(upTo: byteCountMax)
        return SubmissionRequest(body: body, content: content, key: key, priority: priority)
    }

    /// Which images a request wants to see.
    private func page(_ request: Request) throws -> ImagePage? {
        let query = request.query
        var page = ImagePage()
        page.from = try query.number("from", in: 0...Int(Int32.max)) ?? page.from
        page.count = try query.number("limit", in: 1...ImagePage.countMax) ?? page.count
        return try query.flag("images") == false ? nil : page
    }

    /// The client's name for what it wants.
    func key(_ request: Request) throws -> String? {
        let key = HTTPField.Name("Idempotency-Key").flatMap { request.headers[$0] }
        if let key, key.isEmpty || key.utf8.count > Self.keyByteCountMax {
            throw APIProblem(
                422, "invalid",
                "an Idempotency-Key has 1 to \(Self.keyByteCountMax) bytes; make a shorter one")
        }
        return key
    }

    private func list(_ request: Request, _ context: Context) async throws -> Response {
        let caller = try await caller(request, context)
        var query = BatchQuery()
        let fields = request.query
        if let text = fields["status"] {
            guard let status = BatchStatus(rawValue: text) else {
                throw APIProblem.unknownChoice(
                    "status", text, of: BatchStatus.allCases.map(\.rawValue))
            }
            query.status = status
        }
        query.text = fields["q"]
        (query.model, query.mergeMethod) = (fields["model"], fields["merge"])
        query.before = fields["before"].map(BatchID.init)
        let batches = try await service.batches(query, for: caller)
        return try Response.json(["batches": batches])
    }
}
