// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Glibc

/// Sends single requests to a server on this machine, byte by byte as they are given.
package struct HTTPClient: Sendable {
    /// What a server answered.
    package struct Answer: Sendable, CustomStringConvertible {
        /// The status; 0 if the connection ended without one.
        package var status: Int
        /// Fields by their names in lower case.
        package var headers: [String: String]
        /// The body, as far as it was received.
        package var body: [UInt8]

        /// The body as text.
        package var text: String { String(decoding: body, as: UTF8.self) }

        package var description: String { "\(status) \(headers)\n\(text.prefix(2000))" }

        /// The body as a JSON object.
        package var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
        }
    }

    /// Where the server listens.
    package let port: Int

    /// Names a server.
    package init(port: Int) { self.port = port }

    /// Sends a request and waits for the answer's end, or until something is in it.
    ///
    /// - Parameters:
    ///   - headers: beside `Host`, `Content-Length` and `Connection: close`; `Host` may be another.
    ///   - until: a part of the body after which no more is awaited, of a stream.
    package func send(
        _ method: String, _ path: String, headers: [String: String] = [:], body: String? = nil,
        until: String? = nil
    ) async throws -> Answer {
        var fields = ["Host": "127.0.0.1:\(port)", "Connection": "close"]
        if let body { fields["Content-Length"] = "\(body.utf8.count)" }
        fields.merge(headers) { $1 }
        let head =
            "\(method) \(path) HTTP/1.1\r\n"
            + fields.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
        return try await send(raw: Array((head + (body ?? "")).utf8), until: until)
    }

    /// Posts JSON.
    package func post(
        _ path: String, _ json: String, headers: [String: String] = [:]
    ) async throws -> Answer {
        try await send(
            "POST", path, headers: ["Content-Type": "application/json"].merging(headers) { $1 },
            body: json)
    }

    /// Sends bytes as they are.
    package func send(raw bytes: [UInt8], until: String? = nil) async throws -> Answer {
        try await send(parts: [bytes], until: until)
    }

    /// Sends bytes in parts, as they are.
    ///
    /// - Parameter pause: after each part; nothing is received before the last one.
    package func send(
        parts: [[UInt8]], pause: Duration = .zero, until: String? = nil
    ) async throws -> Answer {
        let port = port
        return try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(
                    with: Result { try Self.exchange(parts, pause, port, until) })
            }
            thread.start()
        }
    }

    private static func exchange(
        _ parts: [[UInt8]], _ pause: Duration, _ port: Int, _ until: String?
    ) throws -> Answer {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw POSIXError(.EMFILE) }
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw POSIXError(.ECONNREFUSED) }
        for part in parts {
            var rest = part[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                // The server may have answered and closed already.
                guard count > 0 else { break }
                rest = rest.dropFirst(count)
            }
            usleep(UInt32(pause / .microseconds(1)))
        }
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            received += chunk[..<count]
            if let until, String(decoding: received, as: UTF8.self).contains(until) { break }
        }
        return Answer(received)
    }
}

extension HTTPClient.Answer {
    fileprivate init(_ bytes: [UInt8]) {
        let mark = Array("\r\n\r\n".utf8)
        let end = bytes.indices.first { bytes[$0...].starts(with: mark) } ?? bytes.endIndex
        let lines = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        status = words.count > 1 ? Int(words[1]) ?? 0 : 0
        headers = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                .trimmingCharacters(in: .whitespaces)
        }
        body = Array(bytes.dropFirst(end + mark.count))
        if headers["transfer-encoding"] == "chunked" { body = Self.joined(body) }
    }

    /// A chunked body without the marks of its chunks.
    private static func joined(_ bytes: [UInt8]) -> [UInt8] {
        var (joined, rest): ([UInt8], ArraySlice<UInt8>) = ([], bytes[...])
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let size = String(decoding: rest[..<end].dropLast(), as: UTF8.self)
            guard let count = Int(size, radix: 16), count > 0 else { break }
            joined += rest[(end + 1)...].prefix(count)
            rest = rest[(end + 1)...].dropFirst(count + 2)
        }
        return joined
    }
}
