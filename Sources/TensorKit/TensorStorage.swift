// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// One page-aligned block of zeroed memory, on huge pages where the system has them.
///
/// `@unchecked Sendable`: the address never changes and the block is freed only when the last
/// reference goes. Who may write when is decided one level up: weights are written once before
/// they are shared; a workspace belongs to one lane at a time.
package final class TensorStorage: @unchecked Sendable {
    /// First byte.
    package let base: UnsafeMutableRawPointer
    /// Bytes usable from `base`.
    package let byteCount: Int
    private let mappedByteCount: Int

    /// Maps memory.
    ///
    /// Pages cost nothing until they are touched.
    /// - Throws: `TensorStorageError` when the system refuses.
    package init(byteCount: Int) throws(TensorStorageError) {
        precondition(byteCount >= 0, "\(byteCount) bytes")
        let hugePage = 2 << 20
        let granularity = byteCount >= hugePage ? hugePage : 4096
        let mapped = (max(byteCount, 1) + granularity - 1) / granularity * granularity
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let address = mmap(nil, mapped, PROT_READ | PROT_WRITE, flags, -1, 0),
            address != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw TensorStorageError(byteCount: byteCount, errorNumber: errno) }
        if granularity == hugePage {
            // The end stays on small pages: a huge one, touched at its start, is resident whole.
            let whole = byteCount / hugePage * hugePage
            madvise(address, whole, MADV_HUGEPAGE)
            madvise(address + whole, mapped - whole, MADV_NOHUGEPAGE)
        }
        base = address
        self.byteCount = byteCount
        mappedByteCount = mapped
    }

    /// Addresses without memory, for a dry run: computing with them is fine, touching them is not.
    package static let unbacked = TensorStorage(unbackedByteCount: 1 << 46)

    private init(unbackedByteCount: Int) {
        // The second page of the address space: aligned like the real thing, and never mapped.
        base = UnsafeMutableRawPointer(bitPattern: 4096)!
        byteCount = unbackedByteCount
        mappedByteCount = 0
    }

    /// Gives the memory back to the system: it is zero when next touched.
    func discard() {
        if mappedByteCount > 0 { madvise(base, mappedByteCount, MADV_DONTNEED) }
    }

    deinit {
        if mappedByteCount > 0 { munmap(base, mappedByteCount) }
    }
}

/// Memory that the system would not give.
package struct TensorStorageError: Error, CustomStringConvertible {
    /// What was asked for.
    package let byteCount: Int
    /// `errno` of the refused call.
    package let errorNumber: Int32

    package var description: String {
        """
        can't get \(byteCount >> 20) MiB of memory (\(String(cString: strerror(errorNumber)))); \
        use a smaller picture or a machine with more memory
        """
    }
}
