// SPDX-License-Identifier: Apache-2.0

import Requests

/// Which family of clients a request is of: how bodies are read and problems are reported.
package enum APIDialect: Sendable {
    /// `/retom/v1`
    case native
    /// `/sdapi/v1`, as A1111 has it.
    case sdapi
    /// `/v1`, as OpenAI has it.
    case openai

    /// The dialect of a path.
    package init(path: String) {
        if path.hasPrefix("/sdapi/") {
            self = .sdapi
        } else if path.hasPrefix("/v1/") {
            self = .openai
        } else {
            self = .native
        }
    }

    /// What problems of this dialect are.
    package var problemMediaType: String {
        self == .native ? APIProblem.mediaType : "application/json"
    }
}

extension APIProblem {
    /// The status by which a dialect's clients know a problem.
    package func status(in dialect: APIDialect) -> Int {
        switch dialect {
        case .native: status
        case .sdapi: code == "unreadable" || code == "wrong_type" ? 422 : status
        case .openai: code == "idempotency_key_reused" || status != 422 ? status : 400
        }
    }

    /// The header fields that go with a problem.
    package func headers(in dialect: APIDialect) -> [String: String] {
        guard status == 401 else { return headers }
        // Where Basic is offered browsers ask for a password, and the page has its own way.
        let challenge =
            dialect == .sdapi
            ? "Basic realm=\"retom\", charset=\"UTF-8\"" : "Bearer realm=\"retom\""
        return headers.merging(["WWW-Authenticate": challenge]) { $1 }
    }

    private struct SDAPIBody: Encodable {
        var error = "HTTPException"
        var detail: String
        var body = ""
        var errors = ""
    }

    private struct OpenAIBody: Encodable {
        struct Content: Encodable {
            var message: String
            var type: String
            var param: String?
            var code: String

            private enum CodingKeys: String, CodingKey { case message, type, param, code }

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(message, forKey: .message)
                try container.encode(type, forKey: .type)
                // Clients look for it, also where it is null.
                try container.encode(param, forKey: .param)
                try container.encode(code, forKey: .code)
            }
        }

        var error: Content
    }

    /// The body in the words of a dialect.
    package func json(in dialect: APIDialect) -> String {
        // Several problems, in the one sentence that these clients show.
        let sentence = problems.count > 1 ? problems.prefix(10).joined(separator: "; ") : detail
        // Values are texts and numbers.
        switch dialect {
        case .native: return json
        case .sdapi: return (try? JSONText.line(SDAPIBody(detail: sentence))) ?? "{}"
        case .openai:
            let type =
                switch status {
                case 429: "rate_limit_error"
                case 401, 403: "authentication_error"
                case 500...: "server_error"
                default: "invalid_request_error"
                }
            let content = OpenAIBody.Content(
                message: sentence, type: type, param: param, code: code)
            return (try? JSONText.line(OpenAIBody(error: content))) ?? "{}"
        }
    }
}
