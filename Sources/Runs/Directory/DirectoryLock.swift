// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc
import ProcessSupport

/// The right to write to an output directory, which one process has at a time.
///
/// It is an open file description lock on a file of our own, `run.lock`: NFS has those between
/// machines, and no other user can hold one, for the file is readable for its owner only. The
/// system lets go of the lock when the process ends, however it ends. The file stays, because
/// removing it would take it from a process that just opened it; it names the process that wrote
/// there last.
final class DirectoryLock: Sendable {
    /// Which process held a lock, as the file names it.
    struct Holder: Equatable, Sendable, CustomStringConvertible {
        var processIdentifier: Int32
        var host: String

        /// This process.
        static var current: Holder {
            Holder(processIdentifier: getpid(), host: SystemInfo.hostName)
        }

        var description: String { "process \(processIdentifier) on \(host)" }
    }

    /// Whether a process writes to a directory.
    enum State: Equatable {
        case free
        case held(Holder?)
        /// The lock can't be looked at, or says nothing about other machines.
        case unknown
    }

    /// Which process wrote here before, if known.
    let lastHolder: Holder?
    /// Whether the file was there before.
    let wasThere: Bool
    private let path: String
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Parameter directory: must exist.
    init(directory: String) throws(RunError) {
        let path = "\(directory)/\(RunFileName.lock)"
        var status = stat()
        wasThere = lstat(path, &status) == 0
        var descriptor: Int32
        repeat {
            descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw Self.openingFailed(
                    errno, directory: directory, path: path, wasThere: wasThere)
            }
            do throws(RunError) {
                try Self.lock(descriptor, directory: directory)
            } catch {
                close(descriptor)
                if case .cannotLock = error, !wasThere { unlink(path) }
                throw error
            }
            // A process that took nothing may have removed the file that it made.
        } while !Self.isNamed(descriptor, path)
        self.path = path
        self.descriptor = descriptor
        lastHolder = Self.holder(descriptor)
        // Only for messages: a full disk is found elsewhere.
        let holder = Holder.current
        let text = "\(holder.processIdentifier) \(holder.host)\n"
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.utf8.count, 0) }
    }

    deinit { close(descriptor) }

    private static func lock(
        _ descriptor: Int32, directory: String
    ) throws(RunError) {
        var request = Self.request()
        guard fcntl(descriptor, setLock, &request) != 0 else { return }
        var code = errno
        // Kernels and sandboxes without such locks have those of the whole file.
        if code == EINVAL { code = flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno }
        if code == 0 { return }
        let holder = Self.holder(descriptor)
        throw code == EAGAIN || code == EACCES
            ? .inUse(path: directory, by: holder?.description)
            : .cannotLock(path: directory, reason: String(cString: strerror(code)))
    }

    /// Whether a file is the one that a name stands for; if it is not, it is closed.
    private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
        var opened = stat()
        var named = stat()
        let isNamed =
            fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0
            && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
        if !isNamed { close(descriptor) }
        return isNamed
    }

    /// Removes the file if this process made it: the directory is left as it was.
    func removeIfNew() {
        if !wasThere { unlink(path) }
    }

    /// Looks at a lock without taking it.
    static func state(of directory: String) -> State {
        let descriptor = open(
            "\(directory)/\(RunFileName.lock)", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        // Without the file an earlier version may write there, which locked the directory itself.
        guard descriptor >= 0 else { return .unknown }
        defer { close(descriptor) }
        var request = Self.request()
        guard fcntl(descriptor, getLock, &request) == 0 else { return .unknown }
        let holder = Self.holder(descriptor)
        guard Int32(request.l_type) == F_UNLCK else { return .held(holder) }
        // Some file systems keep locks to the machine.
        return holder?.host == SystemInfo.hostName ? .free : .unknown
    }

    /// Reads `<process> <host>`; the file of a killed process may hold anything.
    static func holder(text: String) -> Holder? {
        let words = text.split(separator: "\n").first?.split(separator: " ") ?? []
        guard words.count == 2, let number = Int32(words[0]), number > 0 else { return nil }
        return Holder(processIdentifier: number, host: String(words[1]))
    }

    private static func holder(_ descriptor: Int32) -> Holder? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return holder(text: String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
    }

    /// The whole file, for one process.
    private static func request() -> flock {
        flock(
            l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }

    /// `F_OFD_GETLK` and `F_OFD_SETLK` of Linux: unlike those of POSIX such a lock does not end
    /// when the process closes some other descriptor of the file.
    private static let getLock: Int32 = 36
    private static let setLock: Int32 = 37

    private static func openingFailed(
        _ code: Int32, directory: String, path: String, wasThere: Bool
    ) -> RunError {
        let reason = String(cString: strerror(code))
        return switch code {
        case ENOSPC, EDQUOT: .disk(DiskError(path: directory, .full))
        case ELOOP, EISDIR: .foreignLock(path: path, reason: "it is not a regular file")
        case EACCES,
            EPERM where wasThere:
            .foreignLock(path: path, reason: "it belongs to another user")
        default: .disk(DiskError(path: directory, .notWritable(reason: reason)))
        }
    }
}
