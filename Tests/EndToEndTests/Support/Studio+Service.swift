// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Studio {
    /// A listening service.
    struct Service {
        var program: RunningProgram
        var client: HTTPClient

        /// Submits a batch and returns its name.
        func submit(_ json: String, key: String? = nil) async throws -> String {
            let answer = try await client.post(
                "/retom/v1/batches", json, headers: key.map { ["Idempotency-Key": $0] } ?? [:])
            #expect(answer.status == 202 || answer.status == 200, "\(answer)")
            return try #require(answer.json["id"] as? String, "\(answer)")
        }

        /// A batch as it is now.
        func batch(_ id: String) async throws -> [String: Any] {
            let answer = try await client.send("GET", "/retom/v1/batches/\(id)")
            #expect(answer.status == 200, "\(answer)")
            return answer.json
        }

        /// Waits until something is true of a batch.
        func wait(
            for id: String, until isTrue: ([String: Any]) -> Bool
        ) async throws -> [String: Any] {
            let deadline = ContinuousClock.now + RunningProgram.patience
            while true {
                let batch = try await batch(id)
                if isTrue(batch) { return batch }
                try #require(ContinuousClock.now < deadline, "\(batch)")
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        /// Waits for a batch's end.
        func end(of id: String) async throws -> [String: Any] {
            try await wait(for: id) {
                !["queued", "generating"].contains($0["status"] as? String ?? "")
            }
        }
    }

    /// Starts `retom-serve` with quick settings and a worker of its own.
    func serve(_ arguments: String..., state: String = "state") async throws -> Service {
        let program = try RunningProgram(
            "retom-serve",
            ["--state", state, "--port", "0", "--decode-on", "coordinator"] + Self.quick
                + arguments,
            in: directory)
        let prefix = "listening on 127.0.0.1:"
        let line = try await program.line { $0.hasPrefix(prefix) }
        let port = try #require(Int(line.dropFirst(prefix.count)))
        return Service(program: program, client: HTTPClient(port: port))
    }
}
