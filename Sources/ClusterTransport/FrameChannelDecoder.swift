// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import WireProtocol

/// Cuts frames out of a channel; the checks are `FrameHeader`'s and `Frame`'s.
///
/// The payload is copied out once, after its length was checked against the limit of its type.
package struct FrameChannelDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = Frame

    private let receiver: PeerRole
    private let types: Set<MessageType>?
    private var header: FrameHeader?

    /// Makes a decoder for the end of a connection that reads.
    ///
    /// - Parameter types: the only ones that have a meaning now; `nil` for all. Others are refused
    ///   before their payload is buffered.
    package init(receiver: PeerRole, types: Set<MessageType>? = nil) {
        self.receiver = receiver
        self.types = types
    }

    package mutating func decode(buffer: inout ByteBuffer) throws(WireError) -> Frame? {
        if header == nil {
            guard let bytes = buffer.readBytes(length: WireLimits.headerByteCount) else {
                let beginning = buffer.getBytes(
                    at: buffer.readerIndex, length: min(buffer.readableBytes, 8))
                try FrameHeader.checkBeginning(beginning ?? [])
                return nil
            }
            let decoded = try FrameHeader.decode(bytes, receiver: receiver)
            if let types {
                guard let type = decoded.type, types.contains(type) else {
                    throw decoded.type.map { .outOfOrder($0) }
                        ?? .unknownMessageType(decoded.typeByte)
                }
            }
            header = decoded
        }
        guard let header, let payload = buffer.readBytes(length: header.payloadByteCount) else {
            return nil
        }
        self.header = nil
        return try Frame(header: header, payload: payload)
    }

    package mutating func decodeLast(
        buffer: inout ByteBuffer, seenEOF: Bool
    ) throws(WireError) -> Frame? {
        // A frame cut short by the end of the stream is a lost connection, not a protocol error.
        try decode(buffer: &buffer)
    }
}
