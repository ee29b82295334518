// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import Requests
import ServiceAPI

extension Response {
    /// A value in JSON.
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        json(text: try JSONText.line(value) + "\n", status: status, headers: headers)
    }

    /// A text that is JSON.
    static func json(
        text: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// Plain text.
    static func text(
        _ text: String, status: HTTPResponse.Status = .ok,
        type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// A problem.
    static func problem(_ problem: APIProblem, in dialect: APIDialect = .native) -> Response {
        var headers: HTTPFields = [
            .contentType: dialect.problemMediaType, .cacheControl: "no-store",
        ]
        for (name, value) in problem.headers(in: dialect) {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        if let seconds = problem.retryAfterSeconds { headers[.retryAfter] = "\(seconds)" }
        return Response(
            status: HTTPResponse.Status(code: problem.status(in: dialect)), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: problem.json(in: dialect) + "\n")))
    }

    /// Bytes by their tag: all of them, a part, or nothing where the client has them.
    static func file(_ file: ServedFile, for request: Request) -> Response {
        var headers: HTTPFields = [
            .eTag: file.tag,
            .cacheControl: file.isFinal
                ? "private, max-age=31536000, immutable" : "private, no-cache",
            .acceptRanges: "bytes",
        ]
        if request.known.contains(file.tag) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = file.mediaType
        headers[.contentDisposition] = "inline; filename=\"\(file.name)\""
        headers[.xContentTypeOptions] = "nosniff"
        // A part is of these bytes, or none is wanted.
        let isCurrent = request.headers[.ifRange].map { $0 == file.tag } ?? true
        let range = ByteRange(
            isCurrent ? request.headers[.range] : nil, byteCount: file.bytes.count)
        switch range {
        case .whole:
            return Response(
                status: .ok, headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes)))
        case .part(let part):
            headers[.contentRange] =
                "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.bytes.count)"
            return Response(
                status: .partialContent, headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes[part])))
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(file.bytes.count)"
            headers[.contentType] = nil
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
    }
}

extension Request {
    /// What the client has.
    var known: KnownTags { KnownTags(headers[.ifNoneMatch]) }
}
