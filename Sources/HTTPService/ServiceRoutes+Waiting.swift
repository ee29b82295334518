// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import ServiceAPI
import ServiceLedger

/// Requests that wait for their pictures.
extension ServiceRoutes {
    private static let bodyByteCountMax = 1 << 20

    /// The body of a request of which only JSON is taken, so that no form can send it.
    func json(_ request: Request, upTo byteCountMax: Int = bodyByteCountMax) async throws -> [UInt8]
    {
        guard request.mediaType == "application/json" else {
            throw APIProblem.unsupportedType(request.headers[.contentType])
        }
        return try await request.bytes(upTo: byteCountMax)
    }

    /// Submits what a request asks for, and begins to wait.
    ///
    /// - Parameter previews: whether it wants to see what images may become; called when its body
    ///   is read.
    func wait(
        for body: [UInt8], _ content: SubmissionRequest.Content, _ request: Request,
        _ context: Context, _ caller: ServedCaller,
        previews: () throws -> Bool = { false }
    ) async throws -> WaitingRequest {
        func field(_ name: String) -> String? {
            HTTPField.Name(name).flatMap { request.headers[$0] }
        }
        let repeats = field("x-stainless-retry-count").flatMap { Int($0) } ?? 0
        let submission = SubmissionRequest(
            body: body, content: content, key: try key(request), isRepeat: repeats >= 1)
        let departure = await PeerPresence.departure(from: context.channel)
        let id = BatchID(try await service.submit(submission, by: caller).batch.id)
        let queue = try await watch(id, for: caller, previews: previews)
        return WaitingRequest(
            service: service, id: id, caller: caller, queue: queue, departure: departure,
            checkCaller: { _ = try await self.caller(request, context) })
    }

    private func watch(
        _ id: BatchID, for caller: ServedCaller, previews: () throws -> Bool
    ) async throws -> EventQueue {
        do {
            return try await service.watch(
                id, for: caller, isStream: false, previews: previews())
        } catch {
            service.left(id, isAnswered: false)
            throw error
        }
    }

    /// Answers with the pictures of a batch; while that takes long, with blanks before them, which
    /// JSON allows: a client that hears nothing gives up.
    func answer(
        _ waiting: WaitingRequest, in dialect: APIDialect, ignored: IgnoredFields,
        _ text: @escaping @Sendable (FinishedBatch) throws -> String
    ) async throws -> Response {
        var headers = headers(of: waiting, ignored)
        headers[.contentType] = "application/json"
        if let finished = try await waiting.finished(within: times.silenceMax) {
            let json: String
            do {
                if let problem = finished.problem(in: dialect) { throw problem }
                json = try text(finished)
            } catch {
                waiting.settle(isAnswered: true)
                throw error
            }
            let body = ResponseBody(contentLength: json.utf8.count) { writer in
                try await writer.write(ByteBuffer(string: json))
                try await writer.finish(nil)
                waiting.settle(isAnswered: true)
            }
            return Response(status: .ok, headers: headers, body: body)
        }
        let body = ResponseBody { writer in
            var finished: FinishedBatch?
            while finished == nil {
                try await writer.write(ByteBuffer(string: " "))
                finished = try await waiting.finished(within: times.padding)
            }
            guard let finished else { return }
            // Too late for a status: the connection ends, and a repetition gets the true one.
            if let problem = finished.problem(in: dialect) { throw problem }
            try await writer.write(ByteBuffer(string: try text(finished)))
            try await writer.finish(nil)
            waiting.settle(isAnswered: true)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    func headers(of waiting: WaitingRequest, _ ignored: IgnoredFields) -> HTTPFields {
        var headers: HTTPFields = [.cacheControl: "no-store"]
        if let name = HTTPField.Name("X-Request-Id") { headers[name] = waiting.id.text }
        if let name = HTTPField.Name(IgnoredFields.headerName) { headers[name] = ignored.header }
        return headers
    }
}
