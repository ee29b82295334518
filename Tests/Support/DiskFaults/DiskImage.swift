// SPDX-License-Identifier: Apache-2.0

import CDiskFaults
import Foundation
import Glibc

/// Files and folders as a disk holds them: what is durable, and what is pending.
package struct DiskImage: Sendable {
    private enum Change: Sendable {
        case write(offset: Int, [UInt8])
        case truncate(length: Int)
    }

    private struct File: Sendable {
        var isFolder = false
        var content: [UInt8] = []
        var changes: [Change] = []

        mutating func apply(_ change: Change) {
            switch change {
            case .truncate(let length):
                content =
                    content.prefix(length)
                    + [UInt8](repeating: 0, count: max(0, length - content.count))
            case .write(let offset, let bytes):
                let end = offset + bytes.count
                content += [UInt8](repeating: 0, count: max(0, end - content.count))
                content.replaceSubrange(offset..<end, with: bytes)
            }
        }
    }

    /// Names that appear or disappear together; `nil` disappears.
    private struct Naming: Sendable {
        var folder: String
        var files: [String: Int?]
    }

    private var files: [File] = []
    /// The state visible to programs.
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var namings: [Naming] = []

    /// Applies an operation; paths begin with a slash, the root is empty.
    mutating func note(
        _ request: rt_disk_request, _ path: String, _ other: String?, hasFailed: Bool
    ) {
        switch request.operation {
        case RT_DISK_SYNC: synchronize(path, hasFailed: hasFailed)
        case _ where hasFailed: break
        case RT_DISK_OPEN:
            if let file = names[path] {
                if Int32(request.offset) & O_TRUNC != 0 {
                    files[file].changes.append(.truncate(length: 0))
                }
            } else {
                make(path, isFolder: false)
            }
        case RT_DISK_MKDIR where names[path] == nil && !path.isEmpty: make(path, isFolder: true)
        case RT_DISK_WRITE:
            let bytes = UnsafeRawBufferPointer(start: request.bytes, count: request.count)
            change(path, .write(offset: Int(request.offset), Array(bytes)))
        case RT_DISK_TRUNCATE: change(path, .truncate(length: Int(request.offset)))
        case RT_DISK_RENAME:
            if let other, let file = names[path] { name([path: nil, other: file]) }
        case RT_DISK_LINK:
            if let other, let file = names[path] { name([other: file]) }
        case RT_DISK_UNLINK where names[path] != nil: name([path: nil])
        default: break
        }
    }

    /// Writes the state after a power loss to an existing folder.
    ///
    /// - Parameter isKept: decides about each unsynchronised change, in order; after a lost change,
    ///   all later ones to the same file's content are lost.
    package func write(to directory: String, isKept: () -> Bool) throws {
        var left = durableNames
        for naming in namings where isKept() {
            for (path, file) in naming.files { left[path] = file }
        }
        for (path, index) in left.sorted(by: { $0.key < $1.key }) {
            let target = URL(filePath: directory + path)
            guard !files[index].isFolder else {
                try FileManager.default.createDirectory(
                    at: target, withIntermediateDirectories: false)
                continue
            }
            let folder = Self.folder(of: path)
            guard folder.isEmpty || left[folder] != nil else { continue }
            var file = files[index]
            for change in file.changes {
                guard isKept() else { break }
                file.apply(change)
            }
            try Data(file.content).write(to: target)
        }
    }

    private mutating func make(_ path: String, isFolder: Bool) {
        files.append(File(isFolder: isFolder))
        name([path: files.count - 1])
    }

    private mutating func change(_ path: String, _ change: Change) {
        // A file without a name leaves nothing.
        if let file = names[path] { files[file].changes.append(change) }
    }

    private mutating func name(_ changed: [String: Int?]) {
        for (path, file) in changed { names[path] = file }
        let folder = changed.keys.first.map(Self.folder) ?? ""
        namings.append(Naming(folder: folder, files: changed))
    }

    private mutating func synchronize(_ path: String, hasFailed: Bool) {
        if let file = names[path], !files[file].isFolder {
            if !hasFailed { for change in files[file].changes { files[file].apply(change) } }
            files[file].changes = []
            return
        }
        for naming in namings where naming.folder == path && !hasFailed {
            for (path, file) in naming.files { durableNames[path] = file }
        }
        if !hasFailed { namings.removeAll { $0.folder == path } }
    }

    private static func folder(of path: String) -> String {
        String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
    }
}
