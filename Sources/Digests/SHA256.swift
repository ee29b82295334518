// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// SHA-256 (FIPS 180-4), by the system's libcrypto, which uses the processor's instructions for it.
package struct SHA256: ~Copyable {
    /// Bytes of a digest.
    package static let byteCount = 32

    private let context: OpaquePointer

    /// Starts with no bytes.
    package init() {
        guard let context = EVP_MD_CTX_new() else {
            preconditionFailure("no memory for a digest")
        }
        self.context = context
        Self.require(EVP_DigestInit_ex(context, EVP_sha256(), nil))
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Appends bytes.
    package mutating func update(bufferPointer bytes: UnsafeRawBufferPointer) {
        Self.require(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count))
    }

    /// Appends bytes.
    package mutating func update(data: [UInt8]) {
        data.withUnsafeBytes { update(bufferPointer: $0) }
    }

    /// The digest of all bytes: 32 bytes.
    package consuming func finalize() -> [UInt8] {
        let context = context
        return [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            Self.require(EVP_DigestFinal_ex(context, buffer.baseAddress, nil))
            count = Self.byteCount
        }
    }

    /// The digest of bytes: 32 bytes.
    package static func hash(data: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: data)
        return hash.finalize()
    }

    /// libcrypto returns 1; otherwise it has no memory or no SHA-256, which is unrecoverable.
    private static func require(_ status: Int32) {
        precondition(status == 1, "libcrypto can't compute SHA-256")
    }
}
