// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import HTTPService
import Requests
import ServiceAPI
import Synchronization
import TestSupport
import Testing

/// The document says what the paths do.
@Suite(.timeLimit(.minutes(5))) struct OpenAPITests {
    private let described: DescribedAPI
    private var operations: [DescribedAPI.Operation] { described.operations }

    init() throws { described = try DescribedAPI() }

    @Test func itsPathsAreThoseThatAreServed() async throws {
        try await HTTPDoorTests.withDoor { client in
            let served = try await client.send("GET", "/openapi.json")
            #expect(served.status == 200 && served.text == OpenAPIDocument.json)
        }
        let methods = operations.map { "\($0.method) \($0.path)" }
        #expect(methods.sorted() == HTTPDoorTests.door(StandInService()).operations.sorted())
        let info = described.document["info"] as? [String: Any]
        #expect(info?["version"] as? String == ProgramVersion.number)
        #expect(described.document["openapi"] as? String == "3.1.0")
    }

    @Test func everyReferenceLeadsSomewhere() {
        var names: Set<String> = []
        func walk(_ value: Any) {
            if let object = value as? [String: Any] {
                if let reference = object["$ref"] as? String {
                    names.insert(reference)
                    #expect(described.resolved(reference) != nil, "\(reference)")
                }
                object.values.forEach(walk)
            } else if let array = value as? [Any] {
                array.forEach(walk)
            }
        }
        walk(described.document)
        // What nothing leads to is left over.
        let components = described.document["components"] as? [String: [String: Any]] ?? [:]
        for kind in ["schemas", "responses", "parameters"] {
            for name in (components[kind] ?? [:]).keys {
                #expect(names.contains("#/components/\(kind)/\(name)"), "\(kind)/\(name)")
            }
        }
        let identifiers = operations.compactMap { $0.content["operationId"] as? String }
        #expect(Set(identifiers).count == operations.count)
    }

    @Test func itsExamplesAreTaken() throws {
        let model = StandInService().model
        let lists = SDAPILists(
            model: model, defaults: GenerationRequest(prompt: "", seed: 0, width: 64, height: 64))
        var count = 0
        for operation in operations where !operation.bodies.isEmpty {
            for example in operation.examples("application/json") {
                let bytes = Array(try JSONSerialization.data(withJSONObject: example))
                switch operation.path {
                case "/retom/v1/batches": _ = try BatchBody(json: bytes)
                case "/sdapi/v1/txt2img":
                    _ = try SDAPIRequest(bytes, model: model)
                case "/v1/images/generations":
                    _ = try OpenAIRequest(bytes, model: model)
                case "/sdapi/v1/options": _ = try lists.setOptions(bytes)
                case "/sdapi/v1/png-info":
                    #expect(try SDAPIAnswer.picture(inBody: bytes).starts(with: [0x89, 0x50]))
                default: Issue.record("nothing reads the example of \(operation.path)")
                }
                count += 1
            }
            for example in operation.examples("application/jsonl") {
                let text = try #require(example as? String)
                #expect(try BatchBody(lines: Array(text.utf8)).entries.count == 2)
                count += 1
            }
        }
        #expect(count >= 9)
    }

    @Test func examplesAreAnsweredAsDescribed() async throws {
        let service = StandInService()
        service.isDone.withLock { $0 = true }
        try await HTTPDoorTests.withDoor(service) { [described, operations] client in
            for operation in operations {
                let types = operation.bodies.keys.sorted()
                for type in types.isEmpty ? [""] : types {
                    for example in types.isEmpty ? [""] : operation.examples(type) {
                        let body =
                            try example as? String
                            ?? String(
                                decoding: JSONSerialization.data(withJSONObject: example),
                                as: UTF8.self)
                        let answer = try await client.send(
                            operation.method, operation.target,
                            headers: ["Authorization": "Bearer good"].merging(
                                type.isEmpty ? [:] : ["Content-Type": type]
                            ) { $1 },
                            body: types.isEmpty ? nil : body,
                            until: operation.isStream ? "event: snapshot" : nil)
                        let isTaken = answer.status < 400
                        #expect(isTaken != operation.path.hasSuffix("img2img"), "\(answer)")
                        described.expect(answer, operation)
                    }
                }
            }
        }
    }

    /// What the door refuses before it looks at anything else.
    @Test func refusalsAreDescribed() async throws {
        try await HTTPDoorTests.withDoor(needsKeys: true) { [described, operations] client in
            let key = ["Authorization": "Bearer good"]
            for operation in operations {
                func answer(
                    _ headers: [String: String], body: String? = nil, _ method: String? = nil
                ) async throws -> HTTPClient.Answer {
                    let answer = try await client.send(
                        method ?? operation.method, operation.target, headers: headers, body: body)
                    described.expect(answer, operation)
                    return answer
                }
                #expect(try await answer(["Host": "evil.org"]).status == 421)
                #expect(try await answer(["Origin": "http://evil.org"]).status == 403)
                for method in ["PATCH", "QUERY"] {
                    let other = try await answer([:], method)
                    #expect(other.status == 405)
                    #expect(other.headers["allow"]?.contains(operation.method) == true, "\(other)")
                }
                if !operation.isOpen {
                    #expect(try await answer([:]).status == 401, "\(operation.path)")
                }
                guard !operation.bodies.isEmpty else { continue }
                let form = key.merging(["Content-Type": "text/plain"]) { $1 }
                #expect(try await answer(form, body: "{}").status == 415)
                let json = key.merging(["Content-Type": "application/json"]) { $1 }
                let long = json.merging(["Content-Length": "99999999"]) { $1 }
                #expect(try await answer(long, body: "").status == 413)
            }
        }
    }

    @Test func whereThereIsGETThereIsHEAD() async throws {
        try await HTTPDoorTests.withDoor { [operations] client in
            for operation in operations where operation.method == "GET" && !operation.isStream {
                let whole = try await client.send("GET", operation.target)
                let head = try await client.send("HEAD", operation.target)
                #expect(head.status == whole.status && head.body.isEmpty, "\(operation.path)")
                #expect(head.headers["content-type"] == whole.headers["content-type"])
            }
            let missing = try await client.send("HEAD", "/nothing")
            #expect(missing.status == 404 && missing.body.isEmpty, "\(missing)")
            let post = try await client.send("HEAD", "/sdapi/v1/txt2img")
            #expect(post.status == 405 && post.headers["allow"] == "POST", "\(post)")
        }
    }
}
