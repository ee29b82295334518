// SPDX-License-Identifier: Apache-2.0

import Digests
import Glibc
import SafeTensors

extension ModelFileLedger {
    /// The SHA-256 of a file, computed once: the ledger sees to it that the file stays the same.
    ///
    /// A file that is not there counts as empty.
    /// - Parameter behindHeader: whether of a safetensors file only the data counts.
    /// - Throws: `notReadable`, `changed`.
    package func digest(
        ofFile path: String, behindHeader: Bool = false
    ) throws(ConfigurationError) -> [UInt8] {
        let key = DigestKey(path: path, behindHeader: behindHeader)
        if let digest = knownDigest(key) { return digest }
        let digest = try computedDigest(ofFile: path, behindHeader)
        remember(digest, as: key)
        return digest
    }

    private func computedDigest(
        ofFile path: String, _ behindHeader: Bool
    ) throws(ConfigurationError) -> [UInt8] {
        func failure(_ code: Int32) -> ConfigurationError {
            ConfigurationError(
                path: path, problem: .notReadable(reason: String(cString: strerror(code))))
        }
        var hash = SHA256()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw failure(errno) }
            try note(path, nil)
            return hash.finalize()
        }
        defer { close(descriptor) }
        try note(path, FileIdentity(descriptor: descriptor))
        if behindHeader {
            var length: UInt64 = 0
            guard pread(descriptor, &length, 8, 0) == 8,
                length <= UInt64(SafeTensorsHeader.byteCountMax),
                lseek(descriptor, off_t(8 + length), SEEK_SET) >= 0
            else {
                throw ConfigurationError(
                    path: path, problem: .notReadable(reason: "is no safetensors file"))
            }
        }
        // Piece by piece; Foundation's FileHandle makes it pieces of 4 KiB.
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { piece.deallocate() }
        while true {
            let count = Glibc.read(descriptor, piece.baseAddress, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            if count == 0 { break }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
        try note(path, FileIdentity(descriptor: descriptor))
        return hash.finalize()
    }
}
