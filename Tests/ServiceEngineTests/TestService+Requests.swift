// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceAPI
import ServiceEngine
import ServiceLedger
import TestSupport
import Testing

/// The families of clients.
enum Family: String, CaseIterable, Sendable, CustomStringConvertible {
    case native, sdapi, openai

    var description: String { rawValue }

    /// Where it submits.
    var path: String {
        switch self {
        case .native: "/retom/v1/batches"
        case .sdapi: "/sdapi/v1/txt2img"
        case .openai: "/v1/images/generations"
        }
    }

    /// A body that asks for images with seeds from `seed` on.
    func body(_ count: Int = 1, seed: UInt64 = 1, more: String = "") -> String {
        switch self {
        case .native:
            """
            {"prompts": ["a"], "settings": {"batch_size": \(count), "seed": \(seed)\(more)}}
            """
        case .sdapi: "{\"prompt\": \"a\", \"batch_size\": \(count), \"seed\": \(seed)\(more)}"
        case .openai: "{\"prompt\": \"a\", \"n\": \(count), \"seed\": \(seed)\(more)}"
        }
    }

    /// The sentence of a problem; `nil` if it has not this family's shape.
    func sentence(_ answer: HTTPClient.Answer) -> String? {
        switch self {
        case .native:
            guard answer.headers["content-type"] == "application/problem+json",
                answer.json["status"] as? Int == answer.status
            else { return nil }
            return answer.json["detail"] as? String
        case .sdapi:
            return answer.json["error"] as? String == "HTTPException"
                ? answer.json["detail"] as? String : nil
        case .openai:
            let error = answer.json["error"] as? [String: Any]
            return error?["type"] is String && error?.keys.contains("param") == true
                ? error?["message"] as? String : nil
        }
    }

    /// How many pictures an answer has.
    func pictureCount(_ answer: HTTPClient.Answer) -> Int? {
        switch self {
        case .native: nil
        case .sdapi: (answer.json["images"] as? [Any])?.count
        case .openai: (answer.json["data"] as? [Any])?.count
        }
    }

    /// The reasons of images that failed, in an answer with pictures.
    func warnings(_ answer: HTTPClient.Answer) throws -> [String]? {
        switch self {
        case .native: return nil
        case .openai: return answer.json["warnings"] as? [String]
        case .sdapi:
            let info = try #require(answer.json["info"] as? String, "\(answer)")
            let object = try JSONSerialization.jsonObject(with: Data(info.utf8))
            return (object as? [String: Any])?["warnings"] as? [String]
        }
    }

    static let waiting: [Family] = [.sdapi, .openai]
}

extension TestService {
    /// Posts a body to where a family submits.
    func submit(
        _ family: Family, _ body: String, headers: [String: String] = [:], until: String? = nil
    ) async throws -> HTTPClient.Answer {
        try await client.send(
            "POST", family.path,
            headers: ["Content-Type": "application/json"].merging(headers) { $1 }, body: body,
            until: until)
    }

    /// A header by which a caller is known.
    func authorization(_ caller: String) -> [String: String] {
        keys[caller].map { ["Authorization": "Bearer \($0)"] } ?? [:]
    }

    /// The batches that requests of this machine wait for.
    func awaited(_ origin: BatchOrigin) -> [AwaitedBatch] {
        images.awaited(by: ServedCaller(visitor: Visitor(CallerID("local"))), origin)
    }

    /// A batch as its caller sees it.
    func batch(_ id: String) async throws -> [String: Any] {
        try await client.send("GET", "/retom/v1/batches/\(id)").json
    }

    /// Submits a batch and waits for its end.
    func finish(_ body: String) async throws -> String {
        let id = try #require(try await submit(.native, body).json["id"] as? String)
        try await wait("batch \(id) ends") {
            try await batch(id)["completed"] as? Double != nil
        }
        return id
    }
}
