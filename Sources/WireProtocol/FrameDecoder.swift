// SPDX-License-Identifier: Apache-2.0

/// Cuts a byte stream into frames; knows nothing of sockets.
///
/// Feed bytes in pieces of any size with `append`, then call `next` until it returns `nil`. After an
/// error the stream has lost its footing: the same error is thrown from then on.
package struct FrameDecoder {
    /// Bytes of the stream's beginning that are enough to tell a stranger.
    package static let strangerByteCount = 4

    private let receiver: PeerRole
    private var buffer: [UInt8] = []
    private var start = 0
    private var header: FrameHeader?
    private var failure: WireError?

    /// Makes a decoder for one direction of one connection.
    package init(receiver: PeerRole) {
        self.receiver = receiver
    }

    /// Bytes that wait for the rest of their frame.
    package var bufferedByteCount: Int { buffer.count - start }

    /// Takes bytes as they arrive.
    package mutating func append(_ bytes: some Collection<UInt8>) {
        guard failure == nil else { return }
        if start > 0, start * 2 >= buffer.count {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole frame, or `nil` until more bytes come.
    package mutating func next() throws(WireError) -> Frame? {
        if let failure { throw failure }
        do {
            return try cut()
        } catch {
            failure = error
            buffer = []
            start = 0
            throw error
        }
    }

    /// Tells a stranger from a slow peer as soon as the first bytes allow it.
    package static func checkBeginning(_ bytes: [UInt8]) throws(WireError) {
        let known = min(bytes.count, FrameHeader.magic.count)
        guard known >= strangerByteCount, !bytes.starts(with: FrameHeader.magic) else { return }
        throw .stranger(StrangerKind(firstBytes: bytes))
    }

    private mutating func cut() throws(WireError) -> Frame? {
        if header == nil {
            guard bufferedByteCount >= WireLimits.headerByteCount else {
                try Self.checkBeginning(Array(buffer[start...].prefix(8)))
                return nil
            }
            let bytes = Array(buffer[start..<(start + WireLimits.headerByteCount)])
            header = try FrameHeader.decode(bytes, receiver: receiver)
            start += WireLimits.headerByteCount
        }
        guard let header, bufferedByteCount >= header.payloadByteCount else { return nil }
        let payload = Array(buffer[start..<(start + header.payloadByteCount)])
        start += header.payloadByteCount
        self.header = nil
        return try Frame(header: header, payload: payload)
    }
}
