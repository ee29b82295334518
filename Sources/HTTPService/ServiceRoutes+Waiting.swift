// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import ServiceAPI
import ServiceLedger

/// Requests that wait for their pictures.
extension ServiceRoutes {
    /// A client is answered by then: with its pictures, or with a sign of life.
    private static let silenceMax = Duration.seconds(20)
    /// Between two signs of life.
    static let padding = Duration.seconds(15)
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
    func wait(
        for body: [UInt8], _ format: Wish.Format, _ request: Request, _ context: Context,
        _ caller: ServedCaller
    ) async throws -> WaitingRequest {
        func field(_ name: String) -> String? {
            HTTPField.Name(name).flatMap { request.headers[$0] }
        }
        let repeats = field("x-stainless-retry-count").flatMap { Int($0) } ?? 0
        let wish = Wish(
            body: body, format: format, key: try key(request), isRepeat: repeats >= 1)
        let id = BatchID(try await service.submit(wish, by: caller).batch.id)
        let queue = try await watch(id, for: caller)
        PeerPresence.departure(from: context.channel).whenComplete { [weak queue] _ in
            queue?.end()
        }
        return WaitingRequest(service: service, id: id, caller: caller, queue: queue)
    }

    private func watch(_ id: BatchID, for caller: ServedCaller) async throws -> EventQueue {
        do {
            return try await service.watch(id, for: caller, isStream: false)
        } catch {
            service.left(id, isAnswered: false)
            throw error
        }
    }

    /// Answers with what came of a batch; while that takes long, with blanks before it, which JSON
    /// allows: a client that hears nothing gives up.
    func answer(
        _ waiting: WaitingRequest, in dialect: APIDialect, ignored: IgnoredFields,
        _ text: @escaping @Sendable (DrawnBatch) throws -> String
    ) async throws -> Response {
        var headers = headers(of: waiting, ignored)
        headers[.contentType] = "application/json"
        if let drawn = try await waiting.drawn(within: Self.silenceMax) {
            let json: String
            do {
                if let problem = drawn.problem(in: dialect) { throw problem }
                json = try text(drawn)
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
            var drawn: DrawnBatch?
            while drawn == nil {
                try await writer.write(ByteBuffer(string: " "))
                drawn = try await waiting.drawn(within: Self.padding)
            }
            guard let drawn else { return }
            // Too late for a status: the connection ends, and a repetition gets the true one.
            if let problem = drawn.problem(in: dialect) { throw problem }
            try await writer.write(ByteBuffer(string: try text(drawn)))
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
