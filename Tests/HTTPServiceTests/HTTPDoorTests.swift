// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPService
import Logging
import NIOPosix
import ServiceAPI
import ServiceLedger
import Synchronization
import TestSupport
import Testing

/// The door of a service over real sockets, with a stand-in behind it.
@Suite(.timeLimit(.minutes(5))) struct HTTPDoorTests {
    static let group = MultiThreadedEventLoopGroup.singleton

    /// A door on a free port.
    static func door(
        _ service: StandInService, needsKeys: Bool = false, times: DoorTimes = DoorTimes()
    ) -> HTTPDoor {
        HTTPDoor(
            service,
            configuration: HTTPDoor.Configuration(
                host: "127.0.0.1", port: 0,
                rules: HostRules(
                    boundHost: "127.0.0.1", allowedOrigins: ["https://app.example.org"]),
                needsKeys: needsKeys), group: Self.group, times: times,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Opens a door for a body, and closes it afterwards.
    static func withDoor(
        _ service: StandInService = StandInService(), needsKeys: Bool = false,
        times: DoorTimes = DoorTimes(),
        _ body: @escaping @Sendable (HTTPClient) async throws -> Void
    ) async throws {
        let door = door(service, needsKeys: needsKeys, times: times)
        let (stops, stop) = AsyncStream<Void>.makeStream()
        let (ports, port) = AsyncStream<Int>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await door.run(until: stops) { port.yield($0) } }
            for await port in ports {
                do {
                    try await body(HTTPClient(port: port))
                } catch {
                    Issue.record(error)
                }
                break
            }
            stop.yield()
            try await tasks.waitForAll()
        }
    }

    @Test func batchesAreSubmittedOnceByTheirKey() async throws {
        let service = StandInService()
        try await Self.withDoor(service) { client in
            let key = ["Idempotency-Key": "k"]
            let path = "/retom/v1/batches"
            let first = try await client.post(path, "{\"prompts\":[]}", headers: key)
            #expect(first.status == 202, "\(first)")
            #expect(first.headers["location"] == "/retom/v1/batches/b1")
            #expect(first.headers["idempotent-replayed"] == nil)
            #expect(first.json["id"] as? String == "b1" && first.json["image_count"] as? Int == 2)
            let second = try await client.post(path, "{\"prompts\":[]}", headers: key)
            #expect(second.status == 200 && second.headers["idempotent-replayed"] == "true")
            let lines = try await client.send(
                "POST", path + "?priority=interactive",
                headers: ["Content-Type": "application/jsonl; charset=utf-8"], body: "a house\n")
            #expect(lines.status == 202, "\(lines)")
        }
        let submissions = service.submissions.withLock { $0 }
        #expect(submissions.map(\.key) == ["k", "k", nil])
        #expect(submissions.last?.priority == .interactive)
        guard case .lines? = submissions.last?.content else {
            Issue.record("no prompt file")
            return
        }
        #expect(submissions.last?.body == Array("a house\n".utf8))
    }

    /// Requests, with what they are answered.
    @Test func refusalsAreProblems() async throws {
        try await Self.withDoor { client in
            let json = ["Content-Type": "application/json"]
            let batches = "/retom/v1/batches"
            let long = String(repeating: "x", count: (1 << 20) + 1)
            let cases: [(String, String, [String: String], String?, Int, String)] = [
                ("GET", "/nothing", [:], nil, 404, "not_found"),
                ("GET", "/retom/v1/batches/b2", [:], nil, 404, "unknown_batch"),
                ("GET", "\(batches)/b1/images/1", [:], nil, 404, "not_ready"),
                ("GET", "\(batches)/b1/images/x", [:], nil, 404, "not_found"),
                ("GET", "\(batches)/b1/latents/7", [:], nil, 404, "unknown_image"),
                ("GET", "\(batches)?status=odd", [:], nil, 422, "invalid"),
                ("POST", batches, [:], "{}", 415, "unsupported_media_type"),
                (
                    "POST", batches, ["Content-Type": "application/x-www-form-urlencoded"], "a=b",
                    415, "unsupported_media_type"
                ),
                ("POST", batches, ["Content-Type": "text/plain"], "{}", 415, "unsupported"),
                ("POST", batches, json, long, 413, "too_large"),
                ("POST", "\(batches)?priority=high", json, "{}", 422, "invalid"),
                (
                    "POST", batches,
                    json.merging(["Idempotency-Key": String(repeating: "k", count: 300)]) { $1 },
                    "{}", 422, "invalid"
                ),
                ("POST", batches, json.merging(["Host": "evil.org"]) { $1 }, "{}", 421, "misdir"),
                (
                    "POST", batches, json.merging(["Origin": "http://evil.org"]) { $1 }, "{}", 403,
                    "foreign_origin"
                ),
                ("GET", "/healthz", ["Origin": "null"], nil, 403, "foreign_origin"),
                ("GET", batches, ["Authorization": "Bearer bad"], nil, 401, "unauthorized"),
            ]
            for (method, path, headers, body, status, code) in cases {
                let answer = try await client.send(method, path, headers: headers, body: body)
                #expect(answer.status == status, "\(method) \(path): \(answer)")
                #expect(answer.headers["content-type"] == "application/problem+json")
                let found = answer.json["code"] as? String ?? ""
                #expect(found.hasPrefix(code), "\(method) \(path): \(answer)")
                #expect(answer.json["status"] as? Int == status)
                #expect((answer.json["detail"] as? String)?.isEmpty == false)
            }
            let wait = try await client.send("GET", "\(batches)/b1/images/1")
            #expect(wait.headers["retry-after"] == "7")
            let key = try await client.send(
                "GET", batches, headers: ["Authorization": "Bearer bad"])
            // Basic would make browsers ask for a password over the page.
            #expect(key.headers["www-authenticate"] == "Bearer realm=\"retom\"")
            let webui = try await client.send(
                "GET", "/sdapi/v1/options", headers: ["Authorization": "Bearer bad"])
            #expect(webui.headers["www-authenticate"]?.hasPrefix("Basic") == true)
        }
    }

    @Test func filesAreCachedAndCut() async throws {
        try await Self.withDoor { client in
            let path = "/retom/v1/batches/b1/images/0"
            let whole = try await client.send("GET", path)
            #expect(whole.status == 200 && whole.text == "0123456789", "\(whole)")
            #expect(whole.headers["etag"] == "\"t\"")
            #expect(whole.headers["content-type"] == "image/png")
            #expect(whole.headers["cache-control"]?.contains("immutable") == true)
            let known = try await client.send("GET", path, headers: ["If-None-Match": "\"t\""])
            #expect(known.status == 304 && known.body.isEmpty)
            let part = try await client.send("GET", path, headers: ["Range": "bytes=2-4"])
            #expect(part.status == 206 && part.text == "234")
            #expect(part.headers["content-range"] == "bytes 2-4/10")
            let none = try await client.send("GET", path, headers: ["Range": "bytes=10-"])
            #expect(none.status == 416 && none.headers["content-range"] == "bytes */10")
            let other = try await client.send(
                "GET", path, headers: ["Range": "bytes=2-4", "If-Range": "\"other\""])
            #expect(other.status == 200)
        }
    }

    @Test func listsAreAskedForByWhatTheQuerySays() async throws {
        let service = StandInService()
        try await Self.withDoor(service) { client in
            let path = "/retom/v1/batches"
            for query in ["", "?status=failed&q=a+b&model=m%201&merge=tome&before=b2"] {
                let answer = try await client.send("GET", path + query)
                #expect(answer.status == 200, "\(answer)")
            }
        }
        var wanted = BatchQuery()
        (wanted.status, wanted.text, wanted.before) = (.failed, "a b", BatchID("b2"))
        (wanted.model, wanted.mergeMethod) = ("m 1", "tome")
        #expect(service.queries.withLock { $0 } == [BatchQuery(), wanted])
    }

    @Test func widthsAndPagesAreChecked() async throws {
        try await Self.withDoor { client in
            let path = "/retom/v1/batches/b1/"
            for (query, tag) in [("", "\"t\""), ("?width=16", "\"t-w16\"")] {
                let answer = try await client.send("GET", path + "images/0" + query)
                #expect(answer.headers["etag"] == tag, "\(answer)")
            }
            for (page, cache) in [("", "immutable"), ("?page=2", "no-cache")] {
                let answer = try await client.send("GET", path + "sheet" + page)
                #expect(answer.headers["cache-control"]?.hasSuffix(cache) == true, "\(answer)")
            }
            for query in ["images/0?width=15", "images/0?width=a", "sheet?page=0", "sheet?page="] {
                let answer = try await client.send("GET", path + query)
                #expect(answer.status == 422 && answer.text.contains("choose from"), "\(query)")
            }
            #expect(try await client.send("GET", path + "sheet?page=3").status == 404)
        }
    }

    @Test func keysAreAskedForWhereThereIsAProxy() async throws {
        try await Self.withDoor(needsKeys: true) { client in
            let path = "/retom/v1/batches"
            #expect(try await client.send("GET", path).status == 401)
            for field in ["Bearer good", "Basic dTpnb29k"] {
                let answer = try await client.send("GET", path, headers: ["Authorization": field])
                #expect(answer.status == 200, "\(field): \(answer)")
            }
            #expect(try await client.send("GET", "/healthz").text == "ok\n")
        }
    }

    @Test func pagesThatAreAllowedMayRead() async throws {
        try await Self.withDoor { client in
            let origin = ["Origin": "https://app.example.org"]
            let answer = try await client.send("GET", "/retom/v1/batches", headers: origin)
            #expect(answer.status == 200)
            #expect(
                answer.headers["access-control-allow-origin"] == "https://app.example.org")
            let asked = try await client.send("OPTIONS", "/retom/v1/batches", headers: origin)
            #expect(asked.status == 204, "\(asked)")
            #expect(asked.headers["access-control-allow-methods"]?.contains("DELETE") == true)
        }
    }

    @Test func eventsBeginWithASnapshotAndEndWithTheService() async throws {
        let service = StandInService()
        try await Self.withDoor(service) { client in
            let (id, path) = (BatchID("b1"), "/retom/v1/batches/b1/events")
            service.queue.add(.batch(id))
            service.queue.add(.progress(id, index: 1))
            let stream = try await client.send("GET", path, until: "event: batch")
            #expect(stream.headers["content-type"] == "text/event-stream")
            let types = stream.text.split(separator: "\n").filter { $0.hasPrefix("event: ") }
            // What a batch's images do comes before what that makes of the batch.
            #expect(types == ["event: snapshot", "event: progress", "event: batch"], "\(stream)")
            #expect(stream.text.contains("\"step\":3"))
            service.queue.end()
            let rest = try await client.send("GET", path)
            #expect(rest.text.hasSuffix("event: bye\nretry: 2000\ndata: {}\n\n"), "\(rest)")
        }
    }

    @Test func imagesComeInPages() async throws {
        let service = StandInService()
        try await Self.withDoor(service) { client in
            let path = "/retom/v1/batches/b1"
            for query in ["", "?images=0", "?from=7", "?from=7&limit=1000"] {
                #expect(try await client.send("GET", path + query).status == 200, "\(query)")
            }
            for query in [
                "?from=-1", "?from=x", "?limit=0", "?limit=1001", "?limit=9e9",
                "?images=0&from=-1", "?images=0&limit=0",
            ] {
                let answer = try await client.send("GET", path + query)
                #expect(answer.status == 422 && answer.text.contains("choose from"), "\(query)")
            }
        }
        let pages = service.pages.withLock { $0 }
        #expect(pages.map(\.from) == [0, 7, 7] && pages.map(\.count) == [200, 200, 1000])
    }

    @Test func watchersHearThatABatchWasDeleted() async throws {
        let service = StandInService()
        try await Self.withDoor(service) { client in
            service.queue.add(.deleted(BatchID("b1")))
            let stream = try await client.send("GET", "/retom/v1/batches/b1/events")
            #expect(stream.text.hasSuffix("data: {\"id\":\"b1\"}\n\n"), "\(stream)")
            #expect(stream.text.contains("event: deleted"))
        }
    }

    /// Also where something changes all the time.
    @Test func aRevokedKeyEndsABusyStream() async throws {
        let service = StandInService()
        try await Self.withDoor(service) { client in
            async let stream = client.send("GET", "/retom/v1/batches/b1/events")
            let changes = Task {
                while !Task.isCancelled {
                    service.queue.add(.progress(BatchID("b1"), index: 0))
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            while service.imageReadCount.withLock({ $0 }) == 0 {
                try await Task.sleep(for: .milliseconds(10))
            }
            service.isClosed.withLock { $0 = true }
            let text = try await stream.text
            changes.cancel()
            #expect(text.contains("event: progress") && !text.contains("event: bye"), "\(text)")
        }
    }

    @Test func smuggledAndBrokenHeadsAreRefused() async throws {
        try await Self.withDoor { client in
            for head in [
                "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                "POST /retom/v1/batches HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                    + "Content-Length: 3\r\n\r\n0\r\n\r\n",
                "nonsense\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 40000))\r\n\r\n",
            ] {
                let answer = try await client.send(raw: Array(head.utf8))
                #expect(answer.status == 400 || answer.status == 0, "\(head.prefix(40)): \(answer)")
            }
            #expect(try await client.send("GET", "/healthz").status == 200)
        }
    }

    @Test func requestsAreCounted() async throws {
        try await Self.withDoor { client in
            _ = try await client.send("GET", "/retom/v1/batches/b2")
            let page = try await client.send("GET", "/metrics").text
            #expect(
                page.contains(
                    """
                    retom_http_requests_total{code="404",route="/retom/v1/batches/{id}"} 1
                    """), "\(page)")
            #expect(page.contains("retom_http_seconds_bucket{le=\"+Inf\"} 1\n"), "\(page)")
            #expect(try PrometheusPage(page).kinds["retom_http_seconds"] == "histogram")
        }
    }
}
