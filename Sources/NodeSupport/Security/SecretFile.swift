// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Files that only their owner may read.
package enum SecretFile {
    /// Maximum size of a key file; private keys in PEM are shorter, too.
    private static let byteCountMax = 65536

    /// Reads a key; refuses one that others can read too.
    ///
    /// As in PostgreSQL: a file of ours must be closed to all others; root's may be open to its
    /// group, which is how Kubernetes provides secrets.
    ///
    /// - Parameter path: `-` reads the first line of standard input, and no byte more.
    /// - Throws: `SecretFileError`.
    package static func read(_ path: String) throws(SecretFileError) -> [UInt8] {
        if path == "-" { return firstLineOfInput() }
        // A pipe without a writer would block the program.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .unreadable(path, String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(path, "it is not a file")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else { throw .foreign(path) }
        let isOurs = status.st_uid == geteuid()
        let forbidden: mode_t = isOurs ? 0o077 : 0o037
        guard status.st_mode & forbidden == 0 else { throw .open(path) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < byteCountMax {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            // A truncated key would only be reported as a wrong one.
            guard count >= 0 else { throw .unreadable(path, String(cString: strerror(errno))) }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    private static func firstLineOfInput() -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < byteCountMax {
            let count = Glibc.read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count > 0, byte != UInt8(ascii: "\n") else { break }
            line.append(byte)
        }
        return line
    }
}

/// Why a file is not accepted as a secret.
package enum SecretFileError: Error, Equatable {
    case unreadable(String, String)
    case open(String)
    case foreign(String)
}

extension SecretFileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path): can't be read: \(reason)"
        case .open(let path): "\(path): other users may read this key; close it:  chmod 600 \(path)"
        case .foreign(let path): "\(path): this key belongs to another user; make it yours"
        }
    }
}
