// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc

/// A file that appears whole or not at all.
///
/// Bytes go to a hidden temporary file in the same directory; `commit` makes them durable and gives
/// the file its name. Without `commit` the temporary file is removed.
package struct AtomicFile: ~Copyable {
    private let directory: String
    private let name: String
    private let temporary: String
    private var descriptor: Int32

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - name: Its final name.
    ///   - directory: Where it will be; must exist.
    /// - Throws: When the temporary file cannot be made.
    package init(name: String, directory: String) throws(RunError) {
        let temporary = "\(directory)/\(TemporaryFileName.random(for: name))"
        // Whatever has that name already is not ours, and a link least of all.
        let descriptor = open(
            temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw RunError(errno: errno, path: "\(directory)/\(name)")
        }
        self.directory = directory
        self.name = name
        self.temporary = temporary
        self.descriptor = descriptor
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(temporary)
    }

    /// Adds bytes, or values as they are in memory.
    package func append(_ values: [some BitwiseCopyable]) throws(RunError) {
        let code = values.withUnsafeBytes { DurableWrite.write($0, to: descriptor) }
        guard code == 0 else { throw RunError(errno: code, path: "\(directory)/\(name)") }
    }

    /// Makes the bytes durable, while the file still has no name.
    package func synchronize() throws(RunError) {
        guard fsync(descriptor) == 0 else {
            throw RunError(errno: errno, path: "\(directory)/\(name)")
        }
    }

    /// Makes the file durable and gives it its name.
    ///
    /// - Parameters:
    ///   - replacing: Whether a file of that name may be replaced; otherwise it is an error.
    ///   - isNameDurable: Whether the name is on the disk too when this returns; otherwise
    ///     `DurableWrite.synchronize` makes those of many files so.
    package consuming func commit(
        replacing: Bool, isNameDurable: Bool = true
    ) throws(RunError) {
        let path = "\(directory)/\(name)"
        try synchronize()
        if replacing {
            guard rename(temporary, path) == 0 else {
                throw RunError(errno: errno, path: path)
            }
        } else {
            try giveNewName(path)
        }
        close(descriptor)
        descriptor = -1
        if isNameDurable { try DurableWrite.synchronize(directory: directory) }
    }

    /// Names the file unless the name is taken, in one step: a link fails where a rename replaces.
    private func giveNewName(_ path: String) throws(RunError) {
        if link(temporary, path) == 0 {
            unlink(temporary)
            return
        }
        // File systems without hard links (FAT, some network mounts): look, then rename.
        guard errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS else {
            throw RunError(errno: errno, path: path)
        }
        guard access(path, F_OK) != 0 else { throw .fileExists(path: path) }
        guard rename(temporary, path) == 0 else {
            throw RunError(errno: errno, path: path)
        }
    }
}
