// SPDX-License-Identifier: Apache-2.0

import Requests

/// Why a request is not done: one sentence that says what to do next.
///
/// As `application/problem+json` (RFC 9457).
package struct APIProblem: Error, Sendable, Equatable {
    /// The HTTP status.
    package var status: Int
    /// Names the kind of problem to programs.
    package var code: String
    /// What is wrong and what to do.
    package var detail: String
    /// Everything that is wrong, where that is more than one thing.
    package var problems: [String]
    /// The field that is wrong, where that is one.
    package var param: String?
    /// When trying again makes sense, in seconds.
    package var retryAfterSeconds: Int?
    /// Other header fields that go with it.
    package var headers: [String: String]

    /// Characters of a sentence: it may repeat what a client wrote.
    private static let lengthMax = 500

    private static func shortened(_ text: String) -> String {
        // Letters may have any number of marks: a character may be long, too.
        let scalars = text.unicodeScalars.prefix(lengthMax + 1)
        guard scalars.count > lengthMax else { return text }
        return String(String.UnicodeScalarView(scalars.dropLast())) + "…"
    }

    /// Describes a problem; sentences of more than 500 characters are cut.
    package init(
        _ status: Int, _ code: String, _ detail: String, problems: [String] = [],
        param: String? = nil, retryAfterSeconds: Int? = nil, headers: [String: String] = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = Self.shortened(detail)
        self.problems = problems.map(Self.shortened)
        self.param = param
        self.retryAfterSeconds = retryAfterSeconds.map { min(max($0, 1), 120) }
        self.headers = headers
    }

    private struct Body: Encodable {
        var type: String
        var status: Int
        var code: String
        var detail: String
        var problems: [String]?
    }

    /// Its media type.
    package static let mediaType = "application/problem+json"

    /// The body.
    package var json: String {
        let body = Body(
            type: "about:blank", status: status, code: code, detail: detail,
            problems: problems.isEmpty ? nil : problems)
        // Its values are texts and numbers.
        return (try? JSONText.line(body)) ?? "{}"
    }
}
