// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// HMAC with SHA-256 (RFC 2104), by the system's libcrypto.
package enum HMACSHA256 {
    /// The code of a message under a key: 32 bytes that only holders of the key can compute.
    package static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
            let code = HMAC(
                EVP_sha256(), key, Int32(key.count), message, message.count, buffer.baseAddress,
                nil)
            // Out of memory, or no SHA-256: unrecoverable.
            precondition(code != nil, "libcrypto can't compute HMAC-SHA-256")
            count = SHA256.byteCount
        }
    }
}
