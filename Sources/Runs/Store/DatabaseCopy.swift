// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A copy of a run's database to read, in a temporary directory that is removed with it.
///
/// Reading a database with a log writes beside it, if only an index, and closing it rewrites both.
final class DatabaseCopy {
    /// Where the copy is.
    let path: String
    private let directory: String

    /// Microseconds between two tries, and how many there are.
    private static let (pause, triesMax) = (50_000 as useconds_t, 100)

    /// Copies a database and its log, when no other program writes to them.
    init(of source: String) throws(RunError) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/retom-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .unreadable(path: parent, reason: String(cString: strerror(errno)))
        }
        directory = template.withUnsafeBufferPointer {
            String(decoding: $0.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        path = "\(directory)/\(RunFileName.database)"
        for _ in 0..<Self.triesMax {
            let before = Self.suffixes.map { Stamp(of: source + $0) }
            for suffix in Self.suffixes where access(source + suffix, F_OK) == 0 {
                let code = Self.copy(source + suffix, to: path + suffix)
                guard code == 0 else {
                    throw .unreadable(
                        path: source + suffix, reason: String(cString: strerror(code)))
                }
            }
            if Self.suffixes.map({ Stamp(of: source + $0) }) == before { return }
            for suffix in Self.suffixes { unlink(path + suffix) }
            usleep(Self.pause)
        }
        throw .unreadable(path: source, reason: "another program keeps writing to it")
    }

    private static let suffixes = ["", "-wal"]

    /// What changes when a file is written to.
    private struct Stamp: Equatable {
        var file: UInt64 = 0
        var size = 0
        var time = [0, 0]

        init(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            (file, size) = (UInt64(status.st_ino), Int(status.st_size))
            time = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        }
    }

    deinit {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(path + suffix) }
        rmdir(directory)
    }

    /// - Returns: 0, or the error's number.
    private static func copy(_ source: String, to target: String) -> Int32 {
        let input = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard input >= 0 else { return errno }
        defer { close(input) }
        let output = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { return errno }
        defer { close(output) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(input, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? 0 : errno }
            let code = buffer[..<count].withUnsafeBytes { DurableWrite.write($0, to: output) }
            guard code == 0 else { return code }
        }
    }
}
