// SPDX-License-Identifier: Apache-2.0

import ServiceEngine
import TestSupport
import Testing

/// Lists of batches, over HTTP.
@Suite(.timeLimit(.minutes(5))) struct ListTests {
    @Test func batchesAreFilteredByMergingAndModel() async throws {
        try await TestService.with { service in
            func submit(_ methods: String...) async throws -> String {
                let prompts = methods.map {
                    "{\"prompt\": \"a\", \"token_merging\": {\"method\": \"\($0)\"}}"
                }
                let answer = try await service.submit(
                    .native, "{\"prompts\": [\(prompts.joined(separator: ","))]}")
                return try #require(answer.json["id"] as? String, "\(answer)")
            }
            let path = "/retom/v1/batches"
            func list(_ query: String) async throws -> [String] {
                let answer = try await service.client.send("GET", path + query)
                let batches = try #require(answer.json["batches"] as? [[String: Any]], "\(answer)")
                return batches.compactMap { $0["id"] as? String }
            }
            let plain = try await submit("none")
            let merged = try await submit("retom")
            let both = try await submit("none", "tome", "retom")
            #expect(try await list("?merge=none") == [both, plain])
            #expect(try await list("?merge=retom") == [both, merged])
            #expect(try await list("?merge=tome&q=A") == [both])
            #expect(try await list("?merge=none&before=\(both)") == [plain])
            #expect(try await list("?model=m") == [both, merged, plain])
            #expect(try await list("?model=m&merge=tome") == [both])
            for (query, choices) in [
                ("?merge=magic", "choose none, retom, tome"), ("?merge=", "choose none"),
                ("?model=x", "there is no model x; choose m"),
            ] {
                let answer = try await service.client.send("GET", path + query)
                #expect(answer.status == 422 && answer.text.contains(choices), "\(answer)")
            }
        }
    }
}
