// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes
import Glibc

/// Where an exported run is built, and how it gets its place: whole, with its database last.
struct ExportPlace {
    /// A directory that does not exist yet.
    let building: String
    private let path: String
    /// Whether the place itself is made.
    private let isNew: Bool

    /// Looks whether a directory is new or empty.
    ///
    /// - Throws: `BatchExportError.notEmpty`, `RunError`.
    init(_ path: String) throws {
        var path = path.isEmpty ? "." : path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        var status = stat()
        isNew = lstat(path, &status) != 0
        if isNew {
            let slash = path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex
            building =
                path[..<slash] + TemporaryFileName.random(for: String(path[slash...]))
            return
        }
        building = "\(path)/\(TemporaryFileName.random(for: "export"))"
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw RunError.notADirectory(path: path)
        }
        guard try Self.names(in: path).isEmpty else {
            throw BatchExportError.notEmpty(path: path)
        }
    }

    /// Gives what was built its place.
    ///
    /// - Throws: `BatchExportError.notEmpty`, `RunError`.
    func publish() throws {
        guard !isNew else {
            try move(building, to: path)
            let parent = building.lastIndex(of: "/").map { String(building[..<$0]) }
            return try DurableWrite.synchronize(
                directory: parent.map { $0.isEmpty ? "/" : $0 } ?? ".")
        }
        // A directory that was there may be a mount, or somebody's current one: it stays.
        guard try Self.names(in: path).count == 1 else {
            throw BatchExportError.notEmpty(path: path)
        }
        let names = try Self.names(in: building).filter { $0 != RunFileName.database }
        var moved: [String] = []
        do {
            for name in names + [RunFileName.database] {
                try move("\(building)/\(name)", to: "\(path)/\(name)")
                moved.append(name)
            }
        } catch {
            for name in moved { try? FileManager.default.removeItem(atPath: "\(path)/\(name)") }
            throw error
        }
        rmdir(building)
        try DurableWrite.synchronize(directory: path)
    }

    /// Removes what was built.
    func withdraw() { try? FileManager.default.removeItem(atPath: building) }

    private func move(_ source: String, to target: String) throws {
        guard rename(source, target) != 0 else { return }
        let code = errno
        guard code != ENOTEMPTY, code != EEXIST else {
            throw BatchExportError.notEmpty(path: path)
        }
        throw RunError(errno: code, path: target)
    }

    private static func names(in path: String) throws(RunError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
    }
}
