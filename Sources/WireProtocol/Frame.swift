// SPDX-License-Identifier: Apache-2.0

/// A header and its payload, with verified checksum; the payload is still as on the wire.
///
/// Decompression and parsing are deferred to `Message(frame)`, so that cutting frames stays cheap.
package struct Frame: Sendable, Equatable {
    /// The checked header.
    package let header: FrameHeader
    /// The payload, compressed if the header says so.
    package let payload: [UInt8]

    /// Combines a checked header with its payload.
    ///
    /// - Throws: `payloadChecksumMismatch`.
    package init(header: FrameHeader, payload: [UInt8]) throws(WireError) {
        precondition(payload.count == header.payloadByteCount, "the payload is not what was cut")
        guard Checksum.crc32(payload) == header.payloadChecksum else {
            throw .payloadChecksumMismatch(header.type ?? .ping)
        }
        self.header = header
        self.payload = payload
    }

    /// Makes the frame of a message, compressing it if that is allowed and worthwhile.
    ///
    /// - Parameters:
    ///   - boundaries: where the statistics of the content change.
    ///   - level: zstd's level; `nil` sends the payload as it is.
    init(
        type: MessageType, stream: UInt32, content: [UInt8], boundaries: [Int] = [], level: Int?
    ) {
        var payload = content
        var isCompressed = false
        if let level, type.allowsCompression, content.count >= WireLimits.compressionByteCountMin,
            let compressed = Zstandard.compress(
                content, level: level, boundaries: boundaries),
            compressed.count < content.count
        {
            payload = compressed
            isCompressed = true
        }
        self.payload = payload
        header = FrameHeader(
            version: .current, typeByte: type.rawValue, isCompressed: isCompressed, stream: stream,
            payloadByteCount: payload.count, contentByteCount: content.count,
            payloadChecksum: Checksum.crc32(payload))
    }

    /// Header and payload as sent on the wire.
    package func encoded() -> [UInt8] { header.encoded() + payload }

    /// The payload, decompressed within the limits against which the header was checked.
    func content(of type: MessageType) throws(WireError) -> [UInt8] {
        guard header.isCompressed else { return payload }
        do {
            return try Zstandard.decompress(payload, byteCount: header.contentByteCount)
        } catch {
            switch error {
            case .library(let reason): throw .badCompression(type, reason: reason)
            case .sizeMismatch:
                throw .decompressedSizeMismatch(type, declared: header.contentByteCount)
            }
        }
    }
}
