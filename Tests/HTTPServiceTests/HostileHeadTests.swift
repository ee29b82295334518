// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

extension HTTPDoorTests {
    /// Heads and chunks that two programs could read in different ways: a proxy in front of a service
    /// would let a second request pass in the first one's body.
    @Suite struct HostileHeadTests {
        private static let host = "Host: localhost\r\n"
        private static let close = "Connection: close\r\n"
        /// Of a request after which the connection ends.
        private static let last = host + close
        /// A request that must never be seen on its own.
        private static let hidden =
            "POST /retom/v1/batches HTTP/1.1\r\n\(host)Content-Type: application/json\r\n"
            + "Content-Length: 2\r\n\r\n{}"
        private static let post =
            "POST /retom/v1/batches HTTP/1.1\r\n\(host)"
            + "Content-Type: application/json\r\n"

        /// What is sent, and what it may be answered; 0 is a connection that ends without an answer.
        private static let cases: [(name: String, bytes: String, statuses: Set<Int>)] = [
            (
                "length and chunks",
                "\(post)Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(hidden)",
                [400]
            ),
            (
                "chunks and length",
                "\(post)Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n\(hidden)",
                [400]
            ),
            (
                "two lengths", "\(post)Content-Length: 2\r\nContent-Length: 90\r\n\r\n{}\(hidden)",
                [400]
            ),
            ("a list of lengths", "\(post)Content-Length: 2, 2\r\n\r\n{}", [400]),
            ("a signed length", "\(post)Content-Length: +2\r\n\r\n{}", [400]),
            ("a negative length", "\(post)Content-Length: -1\r\n\r\n{}", [400]),
            ("a hexadecimal length", "\(post)Content-Length: 0x2\r\n\r\n{}", [400]),
            (
                "a length beyond 64 bits", "\(post)Content-Length: 99999999999999999999\r\n\r\n{}",
                [400]
            ),
            (
                "another coding", "\(post)Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                [400]
            ),
            (
                "chunked first",
                "\(post)Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n\(hidden)", [400]
            ),
            (
                "two codings",
                "\(post)Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n\(hidden)",
                [400]
            ),
            ("a blank before the colon", "\(post)Content-Length : 2\r\n\r\n{}", [400]),
            ("a folded line", "\(post)X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", [400]),
            ("a folded length", "\(post)Content-Length:\r\n 2\r\n\r\n{}", [400]),
            ("a zero byte in a value", "GET /healthz HTTP/1.1\r\n\(last)X: a\0b\r\n\r\n", [400]),
            ("a zero byte in a name", "GET /healthz HTTP/1.1\r\n\(last)X\0: a\r\n\r\n", [400]),
            ("a zero byte in the path", "GET /heal\0thz HTTP/1.1\r\n\(last)\r\n", [400]),
            (
                "a carriage return alone", "GET /healthz HTTP/1.1\r\n\(last)X: a\rY: b\r\n\r\n",
                [400]
            ),
            ("a name of blanks", "GET /healthz HTTP/1.1\r\n\(last) : a\r\n\r\n", [400]),
            ("no colon", "GET /healthz HTTP/1.1\r\n\(last)X\r\n\r\n", [400]),
            ("a blank in the path", "GET /heal thz HTTP/1.1\r\n\(last)\r\n", [400]),
            ("another version", "GET /healthz HTTP/3.1\r\n\(last)\r\n", [400]),
            ("line feeds alone", "GET /healthz HTTP/1.1\nHost: localhost\n\n", [400]),
            ("no version", "GET /healthz\r\n\(host)\r\n", [400]),
            ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
            ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}", [0, 400]),
            ("no host", "GET /healthz HTTP/1.1\r\n\(close)\r\n", [421]),
            ("no host, HTTP/1.0", "GET /healthz HTTP/1.0\r\n\(close)\r\n", [421]),
            ("two hosts", "GET /healthz HTTP/1.1\r\n\(last)Host: evil.org\r\n\r\n", [421]),
            (
                "two hosts, the other first",
                "GET /healthz HTTP/1.1\r\nHost: evil.org\r\n\(last)\r\n", [421]
            ),
            ("a tunnel", "CONNECT evil.org:443 HTTP/1.1\r\n\(last)\r\n", [404]),
            (
                "a long line",
                "GET /\(String(repeating: "a", count: 40_000)) HTTP/1.1\r\n\(last)\r\n",
                [400]
            ),
            (
                "a long field",
                "GET /healthz HTTP/1.1\r\n\(last)X: \(String(repeating: "a", count: 40_000))\r\n\r\n",
                [400]
            ),
            (
                "many fields",
                "GET /healthz HTTP/1.1\r\n\(last)\(String(repeating: "X: a\r\n", count: 5000))\r\n",
                [400]
            ),
        ]

        /// Bodies in chunks, behind a good head.
        private static let chunks: [(name: String, bytes: String)] = [
            ("a prefixed size", "0x2\r\n{}\r\n0\r\n\r\n"),
            ("a signed size", "+2\r\n{}\r\n0\r\n\r\n"),
            ("a size beyond 64 bits", "FFFFFFFFFFFFFFFF2\r\n{}\r\n0\r\n\r\n"),
            ("a negative size", "-2\r\n{}\r\n0\r\n\r\n"), ("no size", "\r\n{}\r\n0\r\n\r\n"),
            ("a longer chunk", "1\r\n{}\r\n0\r\n\r\n"), ("a blank size", " 2\r\n{}\r\n0\r\n\r\n"),
            ("a line feed alone", "2\n{}\n0\n\n"), ("a size in words", "two\r\n{}\r\n0\r\n\r\n"),
        ]

        @Test func noneIsReadInTwoWays() async throws {
            let service = StandInService()
            try await HTTPDoorTests.withDoor(service) { client in
                for (name, bytes, statuses) in Self.cases {
                    let answer = try await client.send(raw: Array(bytes.utf8))
                    #expect(statuses.contains(answer.status), "\(name): \(answer)")
                    let isAlone = !answer.text.contains("HTTP/1.1 ")
                    #expect(isAlone, "\(name): \(answer)")
                }
                for (name, bytes) in Self.chunks {
                    let text =
                        "\(Self.post)Transfer-Encoding: chunked\r\n\r\n\(bytes)\(Self.hidden)"
                    let answer = try await client.send(raw: Array(text.utf8))
                    #expect(answer.status == 400, "\(name): \(answer)")
                    #expect(!answer.text.contains("HTTP/1.1 "), "\(name): \(answer)")
                }
                #expect(try await client.send("GET", "/healthz").status == 200)
            }
            #expect(service.submissions.withLock { $0.isEmpty })
        }

        /// What is right is answered in order, each once.
        @Test func requestsMayFollowEachOther() async throws {
            let service = StandInService()
            try await HTTPDoorTests.withDoor(service) { client in
                let close = "GET /healthz HTTP/1.1\r\n\(Self.last)\r\n"
                let unread =
                    "GET /healthz HTTP/1.1\r\n\(Self.host)Content-Length: \(Self.hidden.utf8.count)"
                    + "\r\n\r\n\(Self.hidden)"
                let extended =
                    "\(Self.post)Transfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\n{}\r\n0\r\nX: y\r\n\r\n"
                for (text, statuses) in [
                    (Self.hidden + Self.hidden + close, ["202", "202", "200"]),
                    // A body that nobody wants is not the next request.
                    (unread + close, ["200", "200"]), (extended + close, ["202", "200"]),
                    ("\r\n\r\n" + close, ["200"]),
                ] {
                    let answer = try await client.send(raw: Array(text.utf8))
                    let all = "HTTP/1.1 \(answer.status) \(answer.text)"
                    let found = all.components(separatedBy: "HTTP/1.1 ").dropFirst()
                        .map { String($0.prefix(3)) }
                    #expect(found == statuses, "\(text): \(answer)")
                }
            }
            #expect(service.submissions.withLock { $0.count } == 3)
        }
    }
}
