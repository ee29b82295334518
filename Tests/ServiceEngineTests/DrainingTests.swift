// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceEngine
import TestSupport
import Testing

/// A service that is asked to stop, over real connections.
@Suite(.timeLimit(.minutes(5))) struct DrainingTests {
    private static let countOfEach = 16

    /// Under load, too, each request gets its answer at once; what was accepted continues.
    @Test func drainingUnderLoadAnswersEveryoneAndLosesNothing() async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
        } _: { service in
            let crowd = try await service.submit(.native, Family.native.body(500, seed: 2000))
            #expect(crowd.status == 202, "\(crowd)")
            let streams = (0..<Self.countOfEach).map { _ in
                Task { try await service.client.send("GET", "/retom/v1/events") }
            }
            let waiting = (0..<2 * Self.countOfEach).map { index in
                let family = Family.waiting[index % 2]
                return (
                    family,
                    Task { try await service.submit(family, family.body(seed: UInt64(index + 1))) }
                )
            }
            try await service.wait("all of it is under way") {
                let page = try PrometheusPage(
                    try await service.client.send("GET", "/metrics").text)
                return page.values["retom_live_batches"] == Double(2 * Self.countOfEach + 1)
                    && page.values["retom_sse_clients"] == Double(Self.countOfEach)
            }
            let begin = ContinuousClock.now
            service.images.drain()
            for (family, task) in waiting {
                let answer = try await task.value
                #expect(answer.status == 503 && answer.headers["retry-after"] == "10", "\(answer)")
                #expect(family.sentence(answer) != nil, "\(answer)")
            }
            for stream in streams {
                let events = try await stream.value.text
                #expect(events.contains("event: bye"), "\(events.suffix(200))")
            }
            #expect(ContinuousClock.now - begin < .seconds(5))
            let late = try await service.submit(.native, Family.native.body())
            #expect(late.status == 503, "\(late)")
            // It ended nobody's batch: the next service continues all of them.
            let batches = try await service.batches()
            #expect(batches.count == waiting.count + 1)
            for batch in batches {
                let status = try #require(batch["status"] as? String)
                #expect(["queued", "generating"].contains(status), "\(batch)")
            }
        }
    }
}

extension TestService {
    /// The batches of this machine, newest first.
    fileprivate func batches() async throws -> [[String: Any]] {
        let list = try await client.send("GET", "/retom/v1/batches")
        return list.json["batches"] as? [[String: Any]] ?? []
    }
}
