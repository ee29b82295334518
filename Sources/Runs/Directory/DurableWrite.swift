// SPDX-License-Identifier: Apache-2.0

import Glibc

/// System calls that every durable file needs.
package enum DurableWrite {
    /// Makes names that appeared in a directory, or went, durable: a disk keeps them apart from the
    /// files' content.
    static func synchronize(directory path: String) throws(RunError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RunError(errno: errno, path: path) }
        defer { close(descriptor) }
        // Some network file systems have no such call for directories.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw RunError(errno: errno, path: path)
        }
    }

    /// Writes all bytes to an open file.
    ///
    /// - Returns: 0, or the error's number.
    package static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, part.baseAddress, part.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return 0
    }
}
