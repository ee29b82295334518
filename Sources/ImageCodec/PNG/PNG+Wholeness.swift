// SPDX-License-Identifier: Apache-2.0

import CZlib

extension PNG {
    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// Whether bytes are a complete PNG file with a valid checksum in every chunk, without
    /// decoding.
    ///
    /// Bytes after the end are ignored, as in all readers (PNG specification, 5.6 and 13.2).
    package static func isWhole(_ bytes: [UInt8]) -> Bool {
        guard bytes.starts(with: signature) else { return false }
        return bytes.withUnsafeBytes { bytes in
            var position = signature.count
            var hasPixels = false
            // Each chunk: length of the data, type, data, CRC-32 of type and data.
            while bytes.count - position >= 12 {
                let length = Int(number(bytes, position))
                guard bytes.count - position - 12 >= length else { return false }
                let type = number(bytes, position + 4)
                let checked = UnsafeRawBufferPointer(
                    rebasing: bytes[position + 4..<position + 8 + length])
                guard crc32(checked) == number(bytes, position + 8 + length) else { return false }
                if position == signature.count, type != name("IHDR") { return false }
                if type == name("IEND") { return hasPixels }
                if type == name("IDAT") { hasPixels = true }
                position += 12 + length
            }
            return false
        }
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    private static func name(_ text: StaticString) -> UInt32 {
        text.withUTF8Buffer { $0.reduce(0) { $0 << 8 | UInt32($1) } }
    }

    private static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let start = bytes.bindMemory(to: UInt8.self).baseAddress
        return UInt32(truncatingIfNeeded: CZlib.crc32_z(0, start, bytes.count))
    }
}
