// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import WireProtocol

/// Cuts frames out of a channel; the checks are `FrameHeader`'s and `Frame`'s.
///
/// The payload is copied once, after its length was checked against the limit of its type.
package struct FrameChannelDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = Frame

    private let receiver: PeerRole
    private var header: FrameHeader?
    /// Maximum payload of the next frame, unless its type has a smaller limit.
    private var payloadByteCountMax: Int

    /// Creates a decoder for the reading end of a connection.
    ///
    /// - Parameter firstPayloadByteCountMax: bounds the first frame, while the sender is unknown.
    package init(receiver: PeerRole, firstPayloadByteCountMax: Int = .max) {
        self.receiver = receiver
        payloadByteCountMax = firstPayloadByteCountMax
    }

    package mutating func decode(buffer: inout ByteBuffer) throws(WireError) -> Frame? {
        if header == nil {
            guard let bytes = buffer.readBytes(length: WireLimits.headerByteCount) else {
                let beginning = buffer.getBytes(
                    at: buffer.readerIndex, length: min(buffer.readableBytes, 8))
                try FrameHeader.checkBeginning(beginning ?? [])
                return nil
            }
            header = try accept(FrameHeader.decode(bytes, receiver: receiver))
        }
        guard let header, let payload = buffer.readBytes(length: header.payloadByteCount) else {
            return nil
        }
        self.header = nil
        return try Frame(header: header, payload: payload)
    }

    private mutating func accept(_ header: FrameHeader) throws(WireError) -> FrameHeader {
        let byteCount = max(header.payloadByteCount, header.contentByteCount)
        if let type = header.type, byteCount > payloadByteCountMax {
            throw .payloadTooLong(type, byteCount: byteCount, max: payloadByteCountMax)
        }
        payloadByteCountMax = .max
        return header
    }

    package mutating func decodeLast(
        buffer: inout ByteBuffer, seenEOF: Bool
    ) throws(WireError) -> Frame? {
        // A frame truncated by the end of the stream is a lost connection, not a protocol error.
        try decode(buffer: &buffer)
    }
}
