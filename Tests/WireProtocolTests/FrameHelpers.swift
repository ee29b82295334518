// SPDX-License-Identifier: Apache-2.0

import WireFuzzing
import WireProtocol

/// Decodes one message the way a connection does.
func decode(_ bytes: [UInt8], receiver: PeerRole) throws(WireError) -> Message? {
    var decoder = FrameStream(receiver: receiver)
    decoder.append(bytes)
    guard let frame = try decoder.next() else { return nil }
    return try Message(frame)
}

/// Replaces the payload in a message's frame, with a correct checksum.
func frame(
    _ message: Message, payload: [UInt8], contentByteCount: Int? = nil, isCompressed: Bool = false
) -> [UInt8] {
    var header = message.frame().header
    header.payloadByteCount = payload.count
    header.contentByteCount = contentByteCount ?? payload.count
    header.isCompressed = isCompressed
    header.payloadChecksum = checksum(payload)
    return header.encoded() + payload
}

/// CRC-32 implemented directly, independent of zlib.
func checksum(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
}
