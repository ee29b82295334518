// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPService
import ServiceAPI
import Synchronization
import TestSupport
import Testing

extension HTTPDoorTests {
    /// Clients that take their time are cut; those that wait are not.
    @Suite struct SlowClientTests {
        private static let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"

        private static func times(_ change: (inout DoorTimes) -> Void) -> DoorTimes {
            var times = DoorTimes()
            change(&times)
            return times
        }

        private static func answerCount(_ answer: HTTPClient.Answer) -> Int {
            // The first head is read apart.
            answer.status == 0 ? 0 : answer.text.components(separatedBy: "HTTP/1.1 200").count
        }

        /// The second request of a connection comes letter by letter.
        @Test(arguments: [true, false]) func laterHeads(isSlow: Bool) async throws {
            let times = Self.times { $0.head = isSlow ? .milliseconds(100) : .seconds(60) }
            try await HTTPDoorTests.withDoor(times: times) { client in
                let second = Array("\(Self.head)Connection: close\r\n\r\n".utf8)
                let parts = [Array("\(Self.head)\r\n".utf8)] + second.map { [$0] }
                let answer = try await client.send(parts: parts, pause: .milliseconds(20))
                #expect(Self.answerCount(answer) == (isSlow ? 1 : 2), "\(answer)")
            }
        }

        /// Bytes behind a request whose answer takes long begin no head.
        @Test func answersAreNotCut() async throws {
            let service = StandInService()
            let times = Self.times { $0.head = .seconds(1) }
            try await HTTPDoorTests.withDoor(service, times: times) { client in
                let body = "{\"prompt\": \"a\"}"
                let post =
                    "POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                async let answer = client.send(
                    parts: [Array((post + body).utf8), Array("\r\n".utf8)],
                    pause: .milliseconds(200))
                try await Task.sleep(for: .milliseconds(1500))
                service.isDone.withLock { $0 = true }
                service.queue.wake()
                #expect(try await answer.status == 200)
            }
        }

        /// More is answered than connections hold, and nothing of it is read for a while.
        @Test(arguments: [true, false]) func answersThatNobodyReads(isCut: Bool) async throws {
            let times = Self.times { $0.stall = isCut ? .milliseconds(100) : .seconds(60) }
            try await HTTPDoorTests.withDoor(times: times) { client in
                let count = 250
                let get = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
                let requests =
                    String(repeating: "\(get)\r\n", count: count - 1)
                    + "\(get)Connection: close\r\n\r\n"
                let answer = try await client.send(
                    parts: [Array(requests.utf8)], pause: .seconds(1))
                let answered = Self.answerCount(answer)
                #expect(isCut ? answered < count : answered == count, "\(answered)")
            }
        }
    }
}
