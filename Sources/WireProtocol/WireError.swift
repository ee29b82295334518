// SPDX-License-Identifier: Apache-2.0

/// Why bytes from a peer are not a message.
///
/// The connection they came from is unusable afterwards, unless the error has a `lease`.
package enum WireError: Error, Equatable, Sendable {
    /// The first bytes are not ours.
    case stranger(StrangerKind)
    case headerChecksumMismatch
    case unsupportedProtocol(major: UInt8, minor: UInt8)
    case unknownMessageType(UInt8)
    /// An older build requires the key handshake that TLS has replaced.
    case retiredHandshake
    case wrongDirection(MessageType)
    /// Not a fault of the bytes: the message is not valid in the connection's current state.
    case outOfOrder(MessageType)
    case unknownFlags(UInt8)
    case reservedFieldNotZero(String)
    case streamOutOfRange(MessageType, stream: UInt32)
    case payloadTooLong(MessageType, byteCount: Int, max: Int)
    case payloadChecksumMismatch(MessageType)
    case compressionNotAllowed(MessageType)
    case badCompression(MessageType, reason: String)
    case decompressedSizeMismatch(MessageType, declared: Int)
    case truncated(MessageType, field: String)
    case trailingBytes(MessageType, byteCount: Int)
    case fieldOutOfRange(MessageType, field: String, value: String)
    case notUTF8(MessageType, field: String)
    /// A field known to a newer build; only the image is lost.
    case notUnderstood(MessageType, Lease, field: String, value: String)
    case digestMismatch(item: UInt32)
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .stranger(let kind): kind.description
        case .headerChecksumMismatch:
            "a frame header is damaged (its checksum does not match)"
        case .unsupportedProtocol(let major, let minor):
            """
            the peer speaks protocol \(major).\(minor), this build \(ProtocolVersion.current); \
            install the same version of retom on both machines
            """
        case .unknownMessageType(let type): "message type \(type) is not known to this build"
        case .retiredHandshake:
            """
            the coordinator has a key and an older version of retom, which does not encrypt; \
            install the same version on both machines
            """
        case .wrongDirection(let type): "\(type) came from the wrong end of the connection"
        case .outOfOrder(let type): "\(type) came at a time when it has no meaning"
        case .unknownFlags(let flags): "a frame has unknown flags (\(flags))"
        case .reservedFieldNotZero(let field): "the reserved field '\(field)' is not zero"
        case .streamOutOfRange(let type, let stream): "\(type) on stream \(stream), out of range"
        case .payloadTooLong(let type, let count, let max):
            "\(type) claims \(count) bytes; at most \(max) are allowed"
        case .payloadChecksumMismatch(let type):
            "the payload of \(type) is damaged (its checksum does not match)"
        case .compressionNotAllowed(let type): "\(type) is compressed, which is not allowed"
        case .badCompression(let type, let reason): "\(type) does not decompress: \(reason)"
        case .decompressedSizeMismatch(let type, let declared):
            "\(type) does not decompress to the \(declared) bytes it declared"
        case .truncated(let type, let field): "\(type) ends before its field '\(field)'"
        case .trailingBytes(let type, let count): "\(type) has \(count) extra bytes"
        case .fieldOutOfRange(let type, let field, let value):
            "'\(field)' of \(type) is \(value), out of range"
        case .notUTF8(let type, let field): "'\(field)' of \(type) is not UTF-8"
        case .notUnderstood(_, _, let field, let value):
            WireReason.notUnderstood("\(field) \(value)").text
        case .digestMismatch(let item): "the latents of image \(item) do not match their SHA-256"
        }
    }

    /// The one attempt that it ends, while the connection continues; `nil` if that ends too.
    package var lease: Lease? {
        if case .notUnderstood(_, let lease, _, _) = self { lease } else { nil }
    }

    /// The code to send to the peer: before closing the connection, or when returning the image.
    package var code: WireErrorCode {
        switch self {
        case .unsupportedProtocol: .protocolMismatch
        case .headerChecksumMismatch, .payloadChecksumMismatch, .digestMismatch: .checksumMismatch
        case .payloadTooLong, .decompressedSizeMismatch: .frameTooLong
        case .retiredHandshake: .authenticationRequired
        case .unknownMessageType, .wrongDirection, .outOfOrder: .unexpectedMessage
        case .notUnderstood: .notUnderstood
        case .stranger, .unknownFlags, .reservedFieldNotZero, .streamOutOfRange,
            .compressionNotAllowed, .badCompression, .truncated, .trailingBytes, .fieldOutOfRange,
            .notUTF8:
            .malformedFrame
        }
    }
}
