// SPDX-License-Identifier: Apache-2.0

import CZlib
import Digests
package import GenerationTypes

/// CRC-32 as in zlib and PNG (polynomial 0xEDB88320): detects any single damaged byte.
enum Checksum {
    static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let start = bytes.bindMemory(to: UInt8.self).baseAddress
        return UInt32(truncatingIfNeeded: CZlib.crc32_z(0, start, bytes.count))
    }

    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        // zlib returns the initial value for a null pointer, so an empty array is fine too.
        bytes.withUnsafeBytes { crc32($0) }
    }
}

extension GeneratedLatents {
    /// SHA-256 of the values as little-endian f32, channel-major: the identity of an image.
    package var sha256: [UInt8] {
        values.withUnsafeBytes { raw in
            var hash = SHA256()
            hash.update(bufferPointer: raw)
            return hash.finalize()
        }
    }
}
