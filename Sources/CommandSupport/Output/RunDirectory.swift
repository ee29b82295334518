// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The directory that receives a run: one directory holds one run.
///
/// An earlier run is never overwritten silently: `prepare` refuses a directory that holds one,
/// unless told to replace it (`--overwrite`). Files that no run writes are left alone always. Two
/// processes cannot write to one directory at a time. Every file appears whole or not at all.
package final class RunDirectory: Sendable {
    /// What to do with an earlier run in the same directory.
    package enum ExistingRunPolicy: Sendable {
        /// Refuse, and say what to do.
        case refuse
        /// Remove its files when `removeExistingRun` is called.
        case replace
        /// Leave its files alone: what an evaluation writes has other names.
        case keep
    }

    /// The directory as the user gave it, without a slash at the end.
    package let path: String
    /// Whether it held a run when it was opened.
    package let heldARun: Bool
    private let policy: ExistingRunPolicy
    /// Holds the lock; the system lets go of it when the process ends, however it ends.
    private let lockDescriptor: Int32

    /// Makes the directory if needed and checks, before any work is done, that a run can be
    /// written to it.
    ///
    /// - Parameters:
    ///   - path: Where; parents are made too.
    ///   - policy: What to do with an earlier run.
    /// - Throws: Whatever would have gone wrong later, now.
    package init(
        preparing path: String, policy: ExistingRunPolicy = .refuse
    ) throws(RunDirectoryError) {
        var path = path.isEmpty ? "." : path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        try RunDirectory.create(path)
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .notWritable(path: path, reason: String(cString: strerror(errno)))
        }
        self.path = path
        self.policy = policy
        lockDescriptor = descriptor
        // File systems without locks (some network mounts) go without this protection.
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            throw .inUse(path: path)
        }
        let existing = try Self.runFiles(in: path)
        heldARun = !existing.isEmpty
        if policy == .refuse, let example = existing.first {
            throw .holdsARun(path: path, fileCount: existing.count, example: example)
        }
        try checkWritable()
        try removeUnfinishedFiles()
    }

    deinit { close(lockDescriptor) }

    /// The path of a file of this directory.
    package func path(of name: String) -> String { "\(path)/\(name)" }

    /// Removes an earlier run's files, and only those; does nothing unless the policy is `replace`.
    ///
    /// The account of the run that is to replace it stays.
    package func removeExistingRun() throws(RunDirectoryError) {
        guard policy == .replace else { return }
        for name in try Self.runFiles(in: path) where !RunFileName.successors.contains(name) {
            try removeFile(self.path(of: name))
        }
        let folder = self.path(of: RunFileName.latentsFolder)
        for name in (try? Self.names(in: folder)) ?? [] where RunFileName.isArchivedLatents(name) {
            try removeFile("\(folder)/\(name)")
        }
    }

    /// Removes what a killed process had begun to write.
    private func removeUnfinishedFiles() throws(RunDirectoryError) {
        for name in try Self.names(in: path) where RunFileName.isUnfinished(name) {
            try removeFile(self.path(of: name))
        }
        let folder = self.path(of: RunFileName.latentsFolder)
        for name in (try? Self.names(in: folder)) ?? []
        where name.hasPrefix(".") && RunFileName.isArchivedLatents(name) {
            try removeFile("\(folder)/\(name)")
        }
    }

    private func removeFile(_ path: String) throws(RunDirectoryError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw RunDirectoryError(errno: errno, path: path)
        }
    }

    /// The names that a run wrote here, sorted.
    package func existingRunFiles() throws(RunDirectoryError) -> [String] {
        try Self.runFiles(in: path)
    }

    private static func runFiles(in path: String) throws(RunDirectoryError) -> [String] {
        try names(in: path).filter(RunFileName.belongsToARun).sorted()
    }

    private static func names(in path: String) throws(RunDirectoryError) -> [String] {
        guard let stream = opendir(path) else {
            throw .notWritable(path: path, reason: String(cString: strerror(errno)))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let item = readdir(stream) {
            names.append(
                withUnsafePointer(to: &item.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }

    /// Writes a picture, latents or another file that must be new.
    ///
    /// - Throws: `fileExists` when the name is taken, `diskFull`, …; nothing is left behind then, or
    ///   the whole file if only its name may not be durable.
    package func writeNew(_ name: String, bytes: [UInt8]) throws(RunDirectoryError) {
        let file = try AtomicFile(name: name, directory: path)
        try file.append(bytes)
        try file.commit(replacing: false)
    }

    /// Writes `report.json`, `index.html` or a sheet, in place of this run's earlier version.
    package func replace(_ name: String, bytes: [UInt8]) throws(RunDirectoryError) {
        let file = try AtomicFile(name: name, directory: path)
        try file.append(bytes)
        try file.commit(replacing: true)
    }

    /// Writes a file piece by piece, in place of this run's earlier version.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - body: Gets a function that adds bytes; when it throws, no file appears.
    package func replace(
        _ name: String, body: (_ append: ([UInt8]) throws -> Void) throws -> Void
    ) throws {
        let file = try AtomicFile(name: name, directory: path)
        try body { try file.append($0) }
        try file.commit(replacing: true)
    }

    /// Removes a file that is of no use after the run.
    package func removeNow(_ name: String) {
        unlink(path(of: name))
    }

    /// Reads a file of this run back, for the contact sheet.
    package func read(_ name: String) throws(RunDirectoryError) -> [UInt8] {
        let path = path(of: name)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RunDirectoryError(errno: errno, path: path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw RunDirectoryError(errno: errno, path: path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    /// `mkdir -p`.
    private static func create(_ path: String) throws(RunDirectoryError) {
        var partial = path.hasPrefix("/") ? "/" : ""
        for component in path.split(separator: "/") {
            partial += partial.isEmpty || partial.hasSuffix("/") ? component : "/" + component
            guard mkdir(partial, 0o755) != 0 else { continue }
            let code = errno
            var status = stat()
            if stat(partial, &status) == 0 {
                guard status.st_mode & S_IFMT == S_IFDIR else {
                    throw .notADirectory(path: partial)
                }
            } else if code == ENOSPC || code == EDQUOT {
                throw .diskFull(path: path)
            } else {
                throw .cannotCreate(path: path, reason: String(cString: strerror(code)))
            }
        }
    }

    /// Permissions say little to root, on read-only mounts and on full disks: try it.
    private func checkWritable() throws(RunDirectoryError) {
        do throws(RunDirectoryError) {
            let probe = try AtomicFile(name: RunFileName.writeCheck, directory: path)
            try probe.append([UInt8](repeating: 0, count: 4096))
        } catch {
            switch error {
            case .diskFull: throw .diskFull(path: path)
            case .notWritable(_, let reason), .writeFailed(_, let reason):
                throw .notWritable(path: path, reason: reason)
            default: throw error
            }
        }
    }
}
