// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The names in a directory, which a disk keeps apart from the files' content.
enum DirectoryNames {
    /// Makes names that appeared or went durable.
    static func synchronize(_ path: String) throws(RunStoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RunStoreError(errno: errno, path: path) }
        defer { close(descriptor) }
        // Some network file systems have no such thing for directories.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw RunStoreError(errno: errno, path: path)
        }
    }
}
