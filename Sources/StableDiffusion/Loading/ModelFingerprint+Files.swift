// SPDX-License-Identifier: Apache-2.0

import Digests
package import GenerationTypes
import Glibc
import SafeTensors

extension ModelFingerprint {
    /// Hashes what decides the pictures that a model makes.
    ///
    /// A part that one file decides has that file's SHA-256, as A1111's `Model hash` has; else its
    /// digest is the SHA-256 over the SHA-256 of everything that decides it.
    package init(of model: any ModelSource) throws {
        var known: [DigestPart: [UInt8]] = [:]
        func digest(_ component: ModelComponent) throws -> [UInt8] {
            let digests = try model.digestParts(of: component).map { part in
                let digest = try known[part] ?? Self.digest(of: part, model.files)
                known[part] = digest
                return digest
            }
            if digests.count == 1 { return digests[0] }
            var outer = SHA256()
            for digest in digests { outer.update(data: digest) }
            return outer.finalize()
        }
        self.init(
            unet: try digest(.unet), textEncoder: try digest(.textEncoder),
            vae: try digest(.vae))
    }

    private static func digest(
        of part: DigestPart, _ files: ModelFileLedger
    ) throws -> [UInt8] {
        switch part {
        case .file(let path): return try digest(ofFile: path, files)
        case .text(let text):
            var hash = SHA256()
            hash.update(data: Array(text.utf8))
            return hash.finalize()
        }
    }

    private static func digest(
        ofFile path: String, _ files: ModelFileLedger
    ) throws -> [UInt8] {
        func failure(_ code: Int32) -> ConfigurationError {
            ConfigurationError(
                path: path, problem: .notReadable(reason: String(cString: strerror(code))))
        }
        var hash = SHA256()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw failure(errno) }
            try files.note(path, nil)
            return hash.finalize()
        }
        defer { close(descriptor) }
        try files.note(path, FileIdentity(descriptor: descriptor))
        // Piece by piece; Foundation's FileHandle makes it pieces of 4 KiB.
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { piece.deallocate() }
        while true {
            let count = read(descriptor, piece.baseAddress, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            if count == 0 { break }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
        try files.note(path, FileIdentity(descriptor: descriptor))
        return hash.finalize()
    }
}
