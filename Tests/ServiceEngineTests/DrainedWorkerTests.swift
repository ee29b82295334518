// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceEngine
import TestSupport
import Testing

/// Workers that an administrator drains, over HTTP.
@Suite(.timeLimit(.minutes(5))) struct DrainedWorkerTests {
    private func cluster(
        _ service: TestService, _ headers: [String: String] = [:]
    ) async throws -> (workers: [[String: Any]], queue: [String: Any]) {
        let answer = try await service.client.send("GET", "/retom/v1/cluster", headers: headers)
        return (
            try #require(answer.json["workers"] as? [[String: Any]], "\(answer)"),
            try #require(answer.json["queue"] as? [String: Any], "\(answer)")
        )
    }

    private func state(_ service: TestService) async throws -> String? {
        try await cluster(service).workers.first?["state"] as? String
    }

    /// Where a worker is drained.
    private func path(_ service: TestService, _ headers: [String: String] = [:]) async throws
        -> String
    {
        let workers = try await cluster(service, headers).workers
        let name = try #require(workers.first?["name"] as? String)
        return "/retom/v1/cluster/workers/\(name.replacing(":", with: "%3A"))"
    }

    @Test func aDrainedWorkerFinishesWhatItHas() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
        } _: { service in
            let path = try await path(service)
            let body = Family.native.body(5)
            let id = try #require(try await service.submit(.native, body).json["id"] as? String)
            try await service.wait("an image has begun") {
                try await service.batch(id)["status"] as? String == "generating"
            }
            let asked = try await service.client.post(path + "/drain", "")
            #expect(asked.status == 200, "\(asked)")
            #expect(asked.json["drain"] as? Bool == true, "\(asked)")
            #expect(try await state(service) == "draining")
            let values = try PrometheusPage(
                try await service.client.send("GET", "/metrics").text
            ).values
            #expect(values["retom_workers{state=\"draining\"}"] == 1, "\(values)")
            #expect(values["retom_workers{state=\"ready\"}"] == 0, "\(values)")
            service.gate.open()
            try await service.wait("it is drained, and the picture made") {
                let finished = try await service.batch(id)["finished"] as? Int
                return try await state(service) == "drained" && finished ?? 0 > 0
            }
            let batch = try await service.batch(id)
            #expect(batch["status"] as? String == "generating", "\(batch)")
            #expect((1..<5).contains(try #require(batch["finished"] as? Int)), "\(batch)")
            #expect(batch["is_possible"] as? Bool == false, "\(batch)")
            #expect((batch["reason"] as? String)?.contains("drained") == true, "\(batch)")
            // What waits for an answer can't wait for an administrator.
            let waiting = try await service.submit(.sdapi, Family.sdapi.body())
            #expect(waiting.status == 503 && waiting.text.contains("drained"), "\(waiting)")
            let resumed = try await service.client.post(path + "/resume", "")
            #expect(resumed.json["drain"] as? Bool == false, "\(resumed)")
            #expect(resumed.json["state"] as? String == "ready", "\(resumed)")
            try await service.wait("the batch ends") {
                try await service.batch(id)["status"] as? String == "completed"
            }
            #expect(try await state(service) == "ready")
        }
    }

    @Test func onlyAdministratorsSeeWhoWaits() async throws {
        try await TestService.with {
            $0.callers = ["ann", "bob", "root"]
            $0.admins = ["root"]
            $0.gate = Gate(upTo: 0)
        } _: { service in
            for (name, count) in [("ann", 2), ("bob", 3), ("bob", 4)] {
                let answer = try await service.submit(
                    .native, Family.native.body(count), headers: service.authorization(name))
                #expect(answer.status == 202, "\(answer)")
            }
            let queue = try await cluster(service, service.authorization("root")).queue
            let callers = try #require(queue["by_caller"] as? [[String: Any]], "\(queue)")
            #expect(callers.compactMap { $0["name"] as? String } == ["bob", "ann"])
            #expect(callers.compactMap { $0["images"] as? Int } == [7, 2])
            #expect(callers.compactMap { $0["batches"] as? Int } == [2, 1])
            let waiting = callers.compactMap { $0["waiting"] as? Int }.reduce(0, +)
            #expect((5..<9).contains(waiting), "\(callers)")
            let own = try await cluster(service, service.authorization("ann")).queue
            #expect(own["by_caller"] == nil && own["callers"] as? Int == 2, "\(own)")
        }
    }

    @Test func onlyAdministratorsDrain() async throws {
        try await TestService.with {
            $0.callers = ["ann", "root"]
            $0.admins = ["root"]
        } _: { service in
            let (ann, root) = (service.authorization("ann"), service.authorization("root"))
            let path = try await path(service, ann)
            #expect(try await service.client.post(path + "/drain", "").status == 401)
            for action in ["/drain", "/resume"] {
                let answer = try await service.client.post(path + action, "", headers: ann)
                #expect(answer.status == 403, "\(answer)")
                #expect(answer.json["code"] as? String == "not_admin", "\(answer)")
            }
            let unknown = try await service.client.post(
                "/retom/v1/cluster/workers/nobody/drain", "", headers: root)
            #expect(unknown.status == 404 && unknown.text.contains("choose 127.0.0.1:"))
            let done = try await service.client.post(path + "/drain", "", headers: root)
            #expect(done.status == 200, "\(done)")
            try await service.wait("it is drained") {
                try await cluster(service, ann).workers.first?["state"] as? String == "drained"
            }
        }
    }
}
