// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A file mapped read-only: pages come in as they are read and can be given back early.
///
/// `@unchecked Sendable`: the address and the length never change, and nobody writes.
package final class MappedFile: @unchecked Sendable {
    /// Where the file is.
    package let path: String
    private let bytes: UnsafeRawBufferPointer

    /// Maps a regular file.
    package init(path: String) throws(SafeTensorsError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(file: path, errorNumber: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .cannotRead(file: path, errorNumber: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .cannotRead(
                file: path, errorNumber: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
        let byteCount = Int(status.st_size)
        guard byteCount > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
            address != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw .cannotRead(file: path, errorNumber: errno) }
        bytes = UnsafeRawBufferPointer(start: address, count: byteCount)
    }

    deinit {
        if let base = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
        }
    }

    /// Length of the file.
    package var byteCount: Int { bytes.count }

    /// Lends all bytes; they stay mapped until `body` returns.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }

    /// Asks the system to read a range ahead.
    package func willRead(_ range: Range<Int>) { advise(range, MADV_WILLNEED) }

    /// Gives the memory of a range back; reading it again brings it in again.
    package func discard(_ range: Range<Int>) { advise(range, MADV_DONTNEED) }

    private func advise(_ range: Range<Int>, _ advice: Int32) {
        guard let base = bytes.baseAddress, !range.isEmpty else { return }
        let pageByteCount = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = range.lowerBound / pageByteCount * pageByteCount
        // A hint: refusing it changes nothing but the memory in use.
        _ = madvise(
            UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, advice)
    }
}
