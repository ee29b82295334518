// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import NodeSupport
import ProcessSupport
import Synchronization
import TestSupport
import Testing

/// The metrics page over real sockets, and clients that do not read it.
@Suite(.timeLimit(.minutes(5))) struct MetricsServerTests {
    private static let question = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

    /// How many pages were made.
    private final class PageCount: Sendable {
        let value = Atomic<Int>(0)
    }

    private func serving(
        lineCount: Int = 1, patience: Duration = .seconds(50),
        _ body: (MetricsServer, PageCount) async throws -> Void
    ) async throws {
        let pages = PageCount()
        let server = try await MetricsServer.start(
            host: "127.0.0.1", port: 0, patience: patience
        ) {
            pages.value.wrappingAdd(1, ordering: .relaxed)
            var page = PrometheusText()
            for number in 0..<lineCount { page.add("n_\(number)", .gauge, "A number.", 1) }
            return page
        }
        do {
            try await body(server, pages)
            await server.stop()
        } catch {
            await server.stop()
            throw error
        }
    }

    @Test(arguments: ["", "Connection: keep-alive\r\n", "Connection: close\r\n"])
    func oneRequestGetsOneResponseAndTheEnd(_ header: String) async throws {
        try await serving { server, pages in
            let visitor = try Visitor(port: server.port)
            #expect(visitor.says("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\(header)\r\n"))
            let parts = visitor.reply().components(separatedBy: "\r\n\r\n")
            try #require(parts.count == 2, "\(parts)")
            #expect(parts[0].hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(parts[0].contains("Connection: close"))
            #expect(try PrometheusPage(parts[1]).values["n_0"] == 1)
        }
    }

    @Test func otherRequestsGetTheirStatus() async throws {
        try await serving { server, pages in
            for (question, status) in [
                ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
                ("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
                ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
                ("nonsense\r\n\r\n", "400"),
                ("GET /metrics HTTP/1.1\r\nA: \(String(repeating: "a", count: 20_000))\r\n", "400"),
            ] {
                let visitor = try Visitor(port: server.port)
                _ = visitor.says(question)
                let reply = visitor.reply()
                #expect(reply.hasPrefix("HTTP/1.1 \(status) "), "\(question.prefix(9)): \(reply)")
            }
            #expect(pages.value.load(ordering: .relaxed) == 1)
        }
    }

    @Test func aClientThatPipelinesWithoutReadingGetsOnePage() async throws {
        try await serving { server, pages in
            let visitor = try Visitor(port: server.port)
            let crowd = String(repeating: Self.question, count: 1000)
            // The server closes; sending to a closed socket fails.
            while visitor.says(crowd) {}
            #expect(pages.value.load(ordering: .relaxed) == 1)
            // The client notices the end before the server has counted it.
            let deadline = ContinuousClock.now + .seconds(60)
            while server.visitorCount > 0, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(server.visitorCount == 0)
            let other = try Visitor(port: server.port)
            #expect(other.says(Self.question) && other.reply().contains("n_0 1"))
        }
    }

    @Test func aClientThatDoesNotReadALongPageIsClosed() async throws {
        try await serving(lineCount: 200_000, patience: .milliseconds(200)) { server, pages in
            let visitor = try Visitor(port: server.port)
            #expect(visitor.says(Self.question))
            while pages.value.load(ordering: .relaxed) == 0 || server.visitorCount > 0 {
                await Task.yield()
            }
            let reply = visitor.reply()
            let length = reply.firstMatch(of: #/Content-Length: (\d+)/#).flatMap { Int($0.1) }
            #expect(try reply.utf8.count < #require(length), "it got what the system had taken")
        }
    }

    @Test func aClientThatSendsNoRequestIsClosed() async throws {
        try await serving(patience: .milliseconds(20)) { server, pages in
            let visitor = try Visitor(port: server.port)
            #expect(visitor.says("GET /metr"))
            #expect(visitor.reply() == "")
            #expect(pages.value.load(ordering: .relaxed) == 0)
        }
    }
}

/// A client of a few lines.
private final class Visitor {
    private let socket: Int32

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var size: Int32 = 4096
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0, "\(String(cString: strerror(errno)))")
    }

    deinit { close(socket) }

    /// - Returns: whether the other end may still listen.
    func says(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            bytes = bytes.dropFirst(count)
        }
        return true
    }

    /// What comes until the other end hangs up.
    func reply() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(socket, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
