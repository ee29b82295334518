// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Cuts what a pipe delivers into lines; blocks, so it belongs on a thread of its own.
struct LineReader {
    /// Longest line; the rest of a longer one becomes the next.
    private static let lineByteCountMax = 4096

    private let descriptor: Int32
    private var isOpen = true
    private var partial: [UInt8] = []

    /// Takes over a descriptor and closes it at its end.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Waits for whole lines from any of the streams.
    ///
    /// - Returns: which stream, and its lines (none when only part of a line came); `nil` when all
    ///   streams have ended.
    static func waitForLines(_ streams: inout [LineReader]) -> (Int, [String])? {
        while streams.contains(where: \.isOpen) {
            var polled = streams.map {
                pollfd(fd: $0.isOpen ? $0.descriptor : -1, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
            for index in streams.indices where polled[index].revents != 0 {
                return (index, streams[index].read())
            }
        }
        return nil
    }

    private mutating func read() -> [String] {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { return [] }
        guard count > 0 else {
            isOpen = false
            close(descriptor)
            defer { partial = [] }
            return partial.isEmpty ? [] : [String(decoding: partial, as: UTF8.self)]
        }
        var lines: [String] = []
        for byte in chunk[..<count] {
            if byte == UInt8(ascii: "\n") || partial.count == Self.lineByteCountMax {
                lines.append(String(decoding: partial, as: UTF8.self))
                partial = []
            }
            if byte != UInt8(ascii: "\n") { partial.append(byte) }
        }
        return lines
    }
}
