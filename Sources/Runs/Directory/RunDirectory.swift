// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc

/// The directory that receives a run: one directory holds one run.
///
/// An earlier run is never overwritten silently: `claim` refuses a directory that holds one, unless
/// told to replace it (`--overwrite`). Files that no database here names are always left alone. Two
/// processes cannot write to one directory at a time. Every file appears whole or not at all.
package final class RunDirectory: Sendable {
    /// The directory as the user gave it, without a slash at the end.
    package let path: String
    private let lock: DirectoryLock

    /// Makes the directory if needed, locks it, and checks that files can be written to it.
    ///
    /// - Parameter path: Where; parents are made too.
    /// - Throws: Whatever would have gone wrong later, now.
    package init(preparing path: String) throws(RunError) {
        var path = path.isEmpty ? "." : path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        try RunDirectory.create(path)
        lock = try DirectoryLock(directory: path)
        do throws(RunError) {
            try checkIsFree()
            try checkWritable()
            try removeUnfinishedFiles()
        } catch {
            withdraw()
            throw error
        }
    }

    /// Takes the directory for a run, or says why it can't have it.
    ///
    /// - Parameters:
    ///   - next: what the run will write.
    ///   - earlier: the files that the database here names; `nil` if there is none.
    ///   - replaces: whether the earlier run is to be replaced.
    package func claim(
        for next: RunFiles, earlier: RunFiles?, replaces: Bool
    ) throws(RunError) {
        let found = try existingRunFiles()
        guard let earlier else {
            guard let example = found.first else { return }
            throw .holdsOtherFiles(path: path, fileCount: found.count, example: example)
        }
        guard replaces else {
            let databases = try Self.names(in: path).filter(RunFileName.isDatabase)
            let files = (found.filter(earlier.names.contains) + databases).sorted()
            throw .holdsARun(path: path, fileCount: files.count, example: files.first ?? "")
        }
        for name in found where next.names.contains(name) {
            guard earlier.names.contains(name), isOurs(name) else {
                throw .foreignFile(path: path(of: name))
            }
        }
    }

    /// Leaves a directory without a run as this process found it.
    package func withdraw() {
        let hasDatabase = RunFileName.isDatabase
        guard let names = try? Self.names(in: path), !names.contains(where: hasDatabase) else {
            return
        }
        lock.removeIfNew()
    }

    /// The path of a file of this directory.
    package func path(of name: String) -> String { "\(path)/\(name)" }

    /// Removes the files of an earlier run, and only those; its database comes last.
    ///
    /// The database of the run that replaces it stays, and so do all latents.
    package func remove(_ earlier: RunFiles) throws(RunError) {
        for name in try existingRunFiles() where earlier.names.contains(name) && isOurs(name) {
            try removeFile(self.path(of: name))
        }
        for name in RunFileName.databases { try removeFile(self.path(of: name)) }
    }

    /// Removes what a killed process had begun to write.
    private func removeUnfinishedFiles() throws(RunError) {
        for name in try Self.names(in: path) where RunFileName.isUnfinished(name) {
            try removeFile(self.path(of: name))
        }
        let folder = self.path(of: RunFileName.latentsFolder)
        for name in (try? Self.names(in: folder)) ?? []
        where RunFileName.isUnfinishedLatents(name) {
            try removeFile("\(folder)/\(name)")
        }
    }

    private func removeFile(_ path: String) throws(RunError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw RunError(errno: errno, path: path)
        }
    }

    /// Names here that a run may write, without databases, sorted.
    package func existingRunFiles() throws(RunError) -> [String] {
        try Self.names(in: path).filter(RunFileName.isOutput).sorted()
    }

    private static func names(in path: String) throws(RunError) -> [String] {
        guard let stream = opendir(path) else {
            throw .disk(
                DiskError(
                    path: path, .notWritable(reason: String(cString: strerror(errno)))))
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

    /// `mkdir -p`.
    private static func create(_ path: String) throws(RunError) {
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
                throw .disk(DiskError(path: path, .full))
            } else {
                throw .cannotCreate(path: path, reason: String(cString: strerror(code)))
            }
        }
    }

    /// Permissions say little to root, on read-only mounts and on full disks: try it.
    private func checkWritable() throws(RunError) {
        do throws(RunError) {
            let probe = try AtomicFile(name: RunFileName.writeCheck, directory: path)
            try probe.append([UInt8](repeating: 0, count: 4096))
        } catch {
            guard case .disk(var error) = error else { throw error }
            error.path = path
            if case .failed(let reason) = error.cause {
                error.cause = .notWritable(reason: reason)
            }
            throw .disk(error)
        }
    }

    private func checkIsFree() throws(RunError) {
        let lastHolder = lock.lastHolder
        guard lastHolder?.host != DirectoryLock.Holder.current.host, isStatusChanging() else {
            return
        }
        throw .inUse(path: path, by: lastHolder?.description)
    }

    /// Whether a process that the lock does not stop keeps `status.json` up to date: one on a
    /// machine that shares the file system but not its locks, or of a version that locked the
    /// directory itself.
    private func isStatusChanging() -> Bool {
        guard let before = try? read(RunFileName.status) else { return false }
        // A coordinator replaces it once a second.
        for _ in 0..<30 {
            usleep(100_000)
            guard let now = try? read(RunFileName.status) else { return false }
            if now != before { return true }
        }
        return false
    }
}
