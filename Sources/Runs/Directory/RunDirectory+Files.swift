// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc

/// Files of a run: each appears whole or not at all.
extension RunDirectory {
    /// Writes a picture, latents or another file that must be new.
    ///
    /// - Throws: `fileExists` when the name is taken, `disk`; nothing is left behind then, or
    ///   the whole file if only its name may not be durable.
    package func writeNew(_ name: String, bytes: [UInt8]) throws(RunError) {
        let file = try AtomicFile(name: name, directory: path)
        try file.append(bytes)
        try file.commit(replacing: false)
    }

    /// Writes a file in place of one of that name, regardless of its owner.
    package func replace(_ name: String, bytes: [UInt8]) throws(RunError) {
        let file = try AtomicFile(name: name, directory: path)
        try file.append(bytes)
        try file.commit(replacing: true)
    }

    /// Writes a file of a run, in place of an earlier version that these programs wrote.
    ///
    /// - Parameter prepare: called when the bytes are on the disk and lack only their name.
    /// - Throws: `fileExists` when the file is not ours; what `prepare` throws.
    package func replaceOwn(
        _ name: String, bytes: [UInt8], prepare: () throws -> Void = {}
    ) throws {
        let file = try AtomicFile(name: name, directory: path)
        try file.append(bytes)
        try file.synchronize()
        try prepare()
        try file.commit(replacing: isOurs(name))
    }

    /// Writes a file piece by piece, in place of an earlier version of it.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - ownOnly: whether a file that these programs did not write is left alone.
    ///   - body: Gets a function that adds bytes; when it throws, no file appears.
    package func replace(
        _ name: String, ownOnly: Bool = false,
        body: (_ append: ([UInt8]) throws -> Void) throws -> Void
    ) throws {
        let file = try AtomicFile(name: name, directory: path)
        try body { try file.append($0) }
        try file.commit(replacing: !ownOnly || isOurs(name))
    }

    /// Removes a file that nobody needs after the run.
    package func removeNow(_ name: String) {
        unlink(path(of: name))
    }

    /// Reads a file of this run back.
    package func read(_ name: String) throws(RunError) -> [UInt8] {
        try read(name, first: .max)
    }

    /// Whether there is a file of that name that these programs wrote.
    func isOurs(_ name: String) -> Bool {
        guard let head = try? read(name, first: RunFiles.headByteCount) else { return false }
        return RunFiles.isOurs(name, head: head)
    }

    private func read(_ name: String, first limit: Int) throws(RunError) -> [UInt8] {
        let path = path(of: name)
        // A pipe would be waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw RunError(errno: errno, path: path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(limit, 1 << 18))
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &buffer, min(buffer.count, limit - bytes.count))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw RunError(errno: errno, path: path) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }
}
