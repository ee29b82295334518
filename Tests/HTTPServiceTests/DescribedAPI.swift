// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceAPI
import TestSupport
import Testing

/// The service as its OpenAPI document describes it; nothing changes it.
struct DescribedAPI: @unchecked Sendable {
    /// An operation of the document.
    struct Operation: @unchecked Sendable {
        var method: String
        var path: String
        var content: [String: Any]

        var isOpen: Bool { (content["security"] as? [Any])?.isEmpty == true }
        var isStream: Bool { path.hasSuffix("/events") }
        var bodies: [String: Any] {
            (content["requestBody"] as? [String: Any])?["content"] as? [String: Any] ?? [:]
        }

        /// The path of the stand-in's batch.
        var target: String {
            path.replacingOccurrences(of: "{id}", with: "b1")
                .replacingOccurrences(of: "{index}", with: "0")
                .replacingOccurrences(of: "{name}", with: "m")
        }

        func examples(_ type: String) -> [Any] {
            let media = bodies[type] as? [String: Any]
            let examples = media?["examples"] as? [String: [String: Any]] ?? [:]
            return examples.sorted { $0.key < $1.key }.compactMap { $0.value["value"] }
        }
    }

    let document: [String: Any]

    init() throws {
        document = try #require(
            try JSONSerialization.jsonObject(with: Data(OpenAPIDocument.json.utf8))
                as? [String: Any])
    }

    var operations: [Operation] {
        let paths = document["paths"] as? [String: [String: [String: Any]]] ?? [:]
        return paths.flatMap { path, methods in
            methods.map { Operation(method: $0.key.uppercased(), path: path, content: $0.value) }
        }.sorted { ($0.path, $0.method) < ($1.path, $1.method) }
    }

    /// What a reference leads to.
    func resolved(_ reference: String) -> Any? {
        reference.split(separator: "/").dropFirst().reduce(document as Any?) { value, key in
            (value as? [String: Any])?[String(key)]
        }
    }

    /// The media types that a status may come with; `nil` if the status is not described.
    private func mediaTypes(of operation: Operation, _ status: Int) -> [String]? {
        let responses = operation.content["responses"] as? [String: [String: Any]] ?? [:]
        guard var response = responses["\(status)"] else { return nil }
        if let reference = response["$ref"] as? String {
            response = resolved(reference) as? [String: Any] ?? [:]
        }
        return (response["content"] as? [String: Any])?.keys.sorted() ?? []
    }

    /// Checks that an answer's status and media type are described.
    func expect(_ answer: HTTPClient.Answer, _ operation: Operation) {
        let name = "\(operation.method) \(operation.path): \(answer)"
        guard let types = mediaTypes(of: operation, answer.status) else {
            Issue.record("a status that is not described: \(name)")
            return
        }
        if types.isEmpty {
            #expect(answer.body.isEmpty, "\(name)")
        } else {
            #expect(types.contains(answer.headers["content-type"] ?? ""), "\(name)")
        }
    }
}
