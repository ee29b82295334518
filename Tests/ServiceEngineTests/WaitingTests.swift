// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPService
import Runs
import ServiceAPI
import ServiceEngine
import ServiceLedger
import TestSupport
import Testing

/// Requests that wait for their pictures, over real connections.
@Suite(.timeLimit(.minutes(5))) struct WaitingTests {
    private static func origin(_ family: Family) -> BatchOrigin {
        family == .sdapi ? .sdapi : .openai
    }

    /// A client that hears nothing gives up.
    @Test(arguments: Family.waiting) func slowAnswersBeginWithBlanks(_ family: Family) async throws
    {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
            $0.times.silenceMax = .milliseconds(20)
            $0.times.padding = .milliseconds(10)
        } _: { service in
            async let asked = service.submit(family, family.body(2))
            try await service.wait("the request waits") {
                !service.awaited(Self.origin(family)).isEmpty
            }
            // Many times the padding: even a busy machine sends two blanks meanwhile.
            try await Task.sleep(for: .milliseconds(300))
            service.gate.open()
            let answer = try await asked
            let blanks = answer.body.prefix { $0 == UInt8(ascii: " ") }.count
            #expect(answer.status == 200 && blanks >= 2, "\(answer)")
            #expect(family.pictureCount(answer) == 2, "\(answer)")
        }
    }

    /// The repetition of a request whose connection was lost gets its batch, not another one.
    @Test(arguments: Family.waiting, [true, false])
    func aLostRequestIsAdopted(_ family: Family, _ hasKey: Bool) async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
            $0.times.silenceMax = .milliseconds(5)
        } _: { service in
            let origin = Self.origin(family)
            let headers = hasKey ? ["Idempotency-Key": "k"] : ["x-stainless-retry-count": "1"]
            let first = try await service.submit(
                family, family.body(), headers: hasKey ? headers : [:], until: "\r\n \r\n")
            let id = try #require(first.headers["x-request-id"], "\(first)")
            try await service.wait("the client is gone") { service.awaited(origin).isEmpty }
            service.pass(seconds: 30)
            async let again = service.submit(family, family.body(), headers: headers)
            try await service.wait("it waits again") { !service.awaited(origin).isEmpty }
            // It has a client again: no grace ends.
            service.pass(seconds: 600)
            #expect(service.awaited(origin).map(\.id) == [id])
            service.gate.open()
            let answer = try await again
            #expect(answer.headers["x-request-id"] == id, "\(answer)")
            #expect(family.pictureCount(answer) == 1, "\(answer)")
            let list = try await service.client.send("GET", "/retom/v1/batches")
            #expect((list.json["batches"] as? [Any])?.count == 1, "\(list)")
        }
    }

    @Test(arguments: Family.waiting)
    func nobodyPaysForWhatNobodyWaitsFor(_ family: Family) async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
            $0.times.silenceMax = .milliseconds(5)
        } _: { service in
            let lost = try await service.submit(family, family.body(), until: "\r\n \r\n")
            let id = try #require(lost.headers["x-request-id"], "\(lost)")
            try await service.wait("the client is gone") {
                service.awaited(Self.origin(family)).isEmpty
            }
            try await service.wait("a worker has it") {
                try await service.batch(id)["status"] as? String == "generating"
            }
            service.pass(seconds: 30)
            #expect(try await service.batch(id)["status"] as? String == "generating")
            service.pass(seconds: 31)
            try await service.wait("it is cancelled") {
                try await service.batch(id)["status"] as? String == "cancelled"
            }
        }
    }

    /// A1111 answers an interrupted request with what there is.
    @Test func interruptAnswersWithWhatThereIs() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 1)
        } _: { service in
            async let asked = service.submit(.sdapi, Family.sdapi.body(3))
            try await service.wait("one of three is there") {
                service.awaited(.sdapi).first?.settledCount == 1
            }
            let interrupt = try await service.client.send("POST", "/sdapi/v1/interrupt")
            #expect(interrupt.status == 200 && interrupt.text == "{}", "\(interrupt)")
            let answer = try await asked
            #expect(answer.status == 200 && Family.sdapi.pictureCount(answer) == 1, "\(answer)")
            #expect(service.awaited(.sdapi).isEmpty)
        }
    }

    /// `progress` and `interrupt` are about the caller's own requests, whatever others do.
    @Test func progressIsTheCallersOwn() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
            $0.callers = ["ann", "bob"]
        } _: { service in
            let (ann, bob) = (service.authorization("ann"), service.authorization("bob"))
            func jobCount(_ caller: [String: String]) async throws -> Int? {
                let answer = try await service.client.send(
                    "GET", "/sdapi/v1/progress", headers: caller)
                return (answer.json["state"] as? [String: Any])?["job_count"] as? Int
            }
            let crowd = try await service.submit(
                .native, Family.native.body(500, seed: 10), headers: bob)
            #expect(crowd.status == 202, "\(crowd)")
            #expect(try await jobCount(bob) == 0, "a batch is no request that waits")
            async let asked = service.submit(.sdapi, Family.sdapi.body(2), headers: ann)
            try await service.wait("ann's request waits") { try await jobCount(ann) == 2 }
            #expect(try await jobCount(bob) == 0)
            let other = try await service.client.send(
                "POST", "/sdapi/v1/interrupt", headers: bob)
            #expect(other.status == 200)
            #expect(try await jobCount(ann) == 2, "bob interrupted ann's request")
            service.gate.open()
            let answer = try await asked
            #expect(Family.sdapi.pictureCount(answer) == 2, "\(answer)")
            #expect(try await jobCount(ann) == 0)
        }
    }

    @Test func aStreamSendsEachPictureWhenItIsThere() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 1)
            $0.times.padding = .milliseconds(5)
            // Also where this machine has much else to do.
            $0.limits.orphanGraceSeconds = 3600
        } _: { service in
            let body = Family.openai.body(2, more: ", \"stream\": true")
            // The first one comes while the second is sampled.
            let first = try await service.submit(.openai, body, until: "image_generation.completed")
            #expect(first.headers["content-type"] == "text/event-stream", "\(first)")
            try await service.wait("the client is gone") { service.awaited(.openai).isEmpty }
            service.gate.open()
            let all = try await service.submit(
                .openai, body, headers: ["x-stainless-retry-count": "1"])
            #expect(all.headers["x-request-id"] == first.headers["x-request-id"])
            #expect(all.events == ["image_generation.completed", "image_generation.completed"])
        }
    }

    /// What fails or is cancelled is said at the end of a stream.
    @Test func aStreamEndsWithWhatIsMissing() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 1000)
        } _: { service in
            let body = Family.openai.body(
                2, seed: Gate.failingSeed - 1, more: ", \"stream\": true")
            let failed = try await service.submit(.openai, body)
            #expect(failed.events == ["image_generation.completed", "error"], "\(failed)")
            #expect(failed.text.contains("\"code\":\"failed\""), "\(failed)")
            async let asked = service.submit(
                .openai, Family.openai.body(seed: 2000, more: ", \"stream\": true"))
            try await service.wait("it waits") { !service.awaited(.openai).isEmpty }
            let id = try #require(service.awaited(.openai).first?.id)
            let ended = try await service.client.post("/retom/v1/batches/\(id)/cancel", "")
            #expect(ended.status == 200, "\(ended)")
            let cancelled = try await asked
            #expect(cancelled.events == ["error"], "\(cancelled)")
            #expect(cancelled.text.contains("\"code\":\"cancelled\""), "\(cancelled)")
        }
    }

    @Test(arguments: Family.waiting) func oneFailedImageCostsNoOther(_ family: Family) async throws
    {
        try await TestService.with { service in
            let answer = try await service.submit(
                family, family.body(4, seed: Gate.failingSeed - 2))
            #expect(answer.status == 200 && family.pictureCount(answer) == 3, "\(answer)")
            let warnings = try #require(try family.warnings(answer), "\(answer)")
            #expect(warnings.count == 1 && warnings[0].contains("image 2"), "\(warnings)")
        }
    }

    @Test func aCancelledRequestIsFinalForOpenAI() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
        } _: { service in
            async let asked = service.submit(.openai, Family.openai.body())
            try await service.wait("it waits") { !service.awaited(.openai).isEmpty }
            let id = try #require(service.awaited(.openai).first?.id)
            _ = try await service.client.post("/retom/v1/batches/\(id)/cancel", "")
            let answer = try await asked
            #expect(answer.status == 409 && answer.headers["x-should-retry"] == "false")
            #expect(Family.openai.sentence(answer)?.contains("cancelled") == true, "\(answer)")
        }
    }

    /// A revoked key ends what its holder waits for and watches, also where nothing happens.
    @Test func aRevokedKeyEndsEverythingAtOnce() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
            $0.callers = ["ann", "bob"]
        } _: { service in
            let (ann, bob) = (service.authorization("ann"), service.authorization("bob"))
            async let stream = service.client.send("GET", "/retom/v1/events", headers: ann)
            async let other = service.submit(.sdapi, Family.sdapi.body(), headers: bob)
            async let asked = service.submit(.openai, Family.openai.body(seed: 2), headers: ann)
            try await service.wait("both wait") {
                let page = try PrometheusPage(
                    try await service.client.send("GET", "/metrics", headers: bob).text)
                return page.values["retom_live_batches"] == 2
                    && page.values["retom_sse_clients"] == 1
            }
            await service.images.endRevoked()
            try ServiceStore.revokeKey(named: "ann", in: service.store.directory)
            // As the service does: a request that is just beginning to wait is found the next time.
            let looking = Task {
                while !Task.isCancelled {
                    await service.images.endRevoked()
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            defer { looking.cancel() }
            let refused = try await asked
            #expect(refused.status == 401, "\(refused)")
            #expect(Family.openai.sentence(refused) != nil, "\(refused)")
            let events = try await stream.events
            // The snapshot holds the batches that were there before it, an event each of the later ones.
            #expect(events.first == "snapshot", "\(events)")
            #expect(events.count <= 3, "\(events)")
            #expect(events.dropFirst().allSatisfy { $0 == "batch" }, "\(events)")
            service.gate.open()
            let answer = try await other
            #expect(Family.sdapi.pictureCount(answer) == 1, "\(answer)")
        }
    }
}

extension HTTPClient.Answer {
    /// The types of the events of a stream, progress left out.
    fileprivate var events: [String] {
        text.split(separator: "\n").compactMap { line in
            line.hasPrefix("event: ") ? String(line.dropFirst(7)) : nil
        }.filter { $0 != "progress" && $0 != "image" }
    }
}
