// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file that the user names, read whole: also a pipe, as `<(…)` and `/dev/stdin` are.
package enum InputFile {
    /// The bytes of a file.
    ///
    /// - Parameters:
    ///   - path: a file or pipe, or `-` for standard input.
    ///   - byteCountMax: most bytes to take.
    /// - Throws: `InputFileError`.
    package static func read(
        _ path: String, byteCountMax: Int
    ) throws(InputFileError) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(String(cString: strerror(errno))) }
        defer { if path != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= byteCountMax else { throw .tooLarge }
        }
    }
}

/// Why a file can't be read.
package enum InputFileError: Error, Equatable {
    /// The system's reason.
    case unreadable(String)
    /// It has more bytes than are wanted.
    case tooLarge
}
