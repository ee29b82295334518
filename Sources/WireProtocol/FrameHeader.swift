// SPDX-License-Identifier: Apache-2.0

/// The 32 bytes before every payload; the byte table is in `Protocol.md`.
///
/// This layout is frozen for all protocol versions, so that a peer of another major version can
/// still be distinguished from damage and refused by name.
package struct FrameHeader: Sendable, Equatable {
    /// Bytes 0–3; the first has its high bit set, so no text protocol starts like it.
    package static let magic: [UInt8] = [0x89, 0x52, 0x54, 0x4D]  // "\x89RTM"
    /// The offset of the type byte.
    package static let typeOffset = 6
    /// Flag bit 0: the payload is one zstd frame.
    static let compressedFlag: UInt8 = 1

    /// The sender's protocol version.
    package var version: ProtocolVersion
    /// The raw type byte; may be an optional type unknown to this build.
    package var typeByte: UInt8
    /// Whether the payload is one zstd frame.
    package var isCompressed: Bool
    /// 0 for the connection itself, otherwise image number + 1.
    package var stream: UInt32
    /// Payload bytes that follow on the wire.
    package var payloadByteCount: Int
    /// Payload bytes after decompression; equal to `payloadByteCount` if not compressed.
    package var contentByteCount: Int
    /// CRC-32 of the payload as sent on the wire.
    package var payloadChecksum: UInt32

    /// The type, `nil` for an optional type unknown to this build.
    package var type: MessageType? { MessageType(rawValue: typeByte) }

    /// Writes the 32 bytes.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: WireLimits.headerByteCount)
        writer.write(Self.magic)
        writer.write(version.major)
        writer.write(version.minor)
        writer.write(typeByte)
        writer.write(isCompressed ? Self.compressedFlag : 0)
        writer.write(stream)
        writer.write(UInt32(payloadByteCount))
        writer.write(UInt32(contentByteCount))
        writer.write(payloadChecksum)
        writer.write(UInt32(0))
        writer.write(Checksum.crc32(writer.bytes))
        return writer.bytes
    }

    /// Reads and checks a header; none of its fields may be used to allocate before this returns.
    ///
    /// - Parameters:
    ///   - bytes: exactly 32 bytes.
    ///   - receiver: the reading end; messages that only it may send are refused here, before their
    ///     payload is buffered.
    package static func decode(
        _ bytes: [UInt8], receiver: PeerRole
    ) throws(WireError) -> FrameHeader {
        precondition(bytes.count == WireLimits.headerByteCount, "a header has 32 bytes")
        guard bytes.starts(with: magic) else { throw .stranger(StrangerKind(firstBytes: bytes)) }
        let version = ProtocolVersion(major: bytes[4], minor: bytes[5])
        guard Checksum.crc32(Array(bytes[..<28])) == word(bytes, at: 28) else {
            throw .headerChecksumMismatch
        }
        guard version.major == ProtocolVersion.current.major else {
            throw .unsupportedProtocol(major: version.major, minor: version.minor)
        }
        guard bytes[7] & ~compressedFlag == 0 else { throw .unknownFlags(bytes[7]) }
        guard word(bytes, at: 24) == 0 else { throw .reservedFieldNotZero("header") }
        let header = FrameHeader(
            version: version, typeByte: bytes[typeOffset],
            isCompressed: bytes[7] & compressedFlag != 0,
            stream: word(bytes, at: 8), payloadByteCount: Int(word(bytes, at: 12)),
            contentByteCount: Int(word(bytes, at: 16)), payloadChecksum: word(bytes, at: 20))
        try header.check(receiver: receiver)
        return header
    }

    private func check(receiver: PeerRole) throws(WireError) {
        guard let type else {
            guard typeByte != MessageType.retiredChallenge else { throw .retiredHandshake }
            let skippable =
                typeByte >= MessageType.optionalStart
                && version.minor > ProtocolVersion.current.minor
                && payloadByteCount <= WireLimits.smallByteCountMax
            guard skippable else { throw .unknownMessageType(typeByte) }
            return
        }
        guard type.sender != receiver else { throw .wrongDirection(type) }
        guard type.isAboutItem ? stream > 0 && stream < UInt32.max : stream == 0 else {
            throw .streamOutOfRange(type, stream: stream)
        }
        guard !isCompressed || type.allowsCompression else { throw .compressionNotAllowed(type) }
        for count in [payloadByteCount, contentByteCount] where count > type.payloadByteCountMax {
            throw .payloadTooLong(type, byteCount: count, max: type.payloadByteCountMax)
        }
        guard isCompressed || payloadByteCount == contentByteCount else {
            throw .decompressedSizeMismatch(type, declared: contentByteCount)
        }
    }

    private static func word(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        bytes.withUnsafeBytes {
            UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
    }
}

extension FrameHeader {
    /// Number of leading bytes that suffice to recognise a stranger.
    private static let strangerByteCount = 4

    /// Distinguishes a stranger from a slow peer as soon as the first bytes allow it.
    package static func checkBeginning(_ bytes: [UInt8]) throws(WireError) {
        let known = min(bytes.count, magic.count)
        guard known >= strangerByteCount, !bytes.starts(with: magic) else { return }
        throw .stranger(StrangerKind(firstBytes: bytes))
    }
}
