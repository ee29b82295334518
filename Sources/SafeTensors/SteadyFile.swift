// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file that is read piece by piece, also long after it was opened, and must stay what it was.
///
/// It is read and not mapped: a mapped file that is cut short ends the process with SIGBUS, and one
/// that is overwritten changes what is in memory already. A file that takes its place changes
/// nothing: this one stays open.
///
/// `@unchecked Sendable`: nothing changes after it was opened, and reads name their place.
package final class SteadyFile: @unchecked Sendable {
    /// Where the file is.
    package let path: String
    /// What it was when it was opened.
    package let identity: FileIdentity
    private let descriptor: Int32

    /// Bytes read at once where they are converted on the way: they stay in a core's cache.
    private static let pieceByteCount = 1 << 18

    /// Opens a regular file.
    package init(path: String) throws(SafeTensorsError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(file: path, errorNumber: errno) }
        var status = stat()
        // Read before anything can fail: what throws from here on closes the file in `deinit`.
        let result = fstat(descriptor, &status)
        let errorNumber = errno
        identity = FileIdentity(status)
        guard result == 0 else { throw .cannotRead(file: path, errorNumber: errorNumber) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .cannotRead(
                file: path, errorNumber: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Length of the file.
    package var byteCount: Int { identity.byteCount }

    /// Reads bytes as they are.
    package func bytes(_ range: Range<Int>) throws(SafeTensorsError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        try bytes.withUnsafeMutableBufferPointer { buffer throws(SafeTensorsError) in
            try fill(UnsafeMutableRawBufferPointer(buffer), from: range.lowerBound)
        }
        try checkUnchanged()
        return bytes
    }

    /// Reads values as f32.
    ///
    /// - Parameters:
    ///   - start: where the first value's bytes begin.
    ///   - target: as many values as are read.
    func read(
        _ type: ScalarType, from start: Int, into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        if type == .float32 {
            try fill(UnsafeMutableRawBufferPointer(target), from: start)
            return try checkUnchanged()
        }
        let byteCount = target.count * type.byteCount
        let piece = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(byteCount, Self.pieceByteCount), alignment: 64)
        defer { piece.deallocate() }
        for offset in stride(from: 0, to: byteCount, by: Self.pieceByteCount) {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: piece[..<min(piece.count, byteCount - offset)])
            try fill(part, from: start + offset)
            let first = offset / type.byteCount
            FloatConversion.convert(
                UnsafeRawBufferPointer(part), type,
                into: UnsafeMutableBufferPointer(
                    rebasing: target[first..<first + part.count / type.byteCount]))
        }
        try checkUnchanged()
    }

    /// Asks the system to read a range ahead.
    func willRead(_ range: Range<Int>) {
        guard range.count > Self.pieceByteCount else { return }
        // A hint: refusing it changes nothing but the time.
        _ = posix_fadvise(descriptor, range.lowerBound, range.count, POSIX_FADV_WILLNEED)
    }

    private func fill(
        _ target: UnsafeMutableRawBufferPointer, from start: Int
    ) throws(SafeTensorsError) {
        var done = 0
        while done < target.count {
            let count = pread(
                descriptor, target.baseAddress.map { $0 + done }, target.count - done,
                start + done)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .cannotRead(file: path, errorNumber: errno) }
            // It was this long when it was opened.
            guard count > 0 else { throw .changed(file: path) }
            done += count
        }
    }

    /// After every read, not before: what was read may have been written in between.
    private func checkUnchanged() throws(SafeTensorsError) {
        guard FileIdentity(descriptor: descriptor) == identity else {
            throw .changed(file: path)
        }
    }
}
