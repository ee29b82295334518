// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One page-aligned block of zeroed memory, on huge pages if available.
///
/// `@unchecked Sendable`: the address never changes and the block is freed only with its last
/// reference. The level above decides who may write when: weights are written once before they are
/// shared; a workspace belongs to one lane at a time.
package final class TensorStorage: @unchecked Sendable {
    /// First byte.
    package let base: UnsafeMutableRawPointer
    /// Bytes usable from `base`.
    package let byteCount: Int
    private let mappedByteCount: Int

    /// Maps memory.
    ///
    /// Pages cost nothing until they are touched. They then come from the memory node of the thread
    /// that touches them.
    /// - Parameter spreads: takes them from all nodes in turn instead: for weights, which the threads
    ///   of every node read.
    /// - Throws: `TensorStorageError` if the system refuses.
    package init(byteCount: Int, spreads: Bool = false) throws(TensorStorageError) {
        precondition(byteCount >= 0, "\(byteCount) bytes")
        let hugePage = 2 << 20
        let granularity = byteCount >= hugePage ? hugePage : 4096
        let mapped = (max(byteCount, 1) + granularity - 1) / granularity * granularity
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let address = mmap(nil, mapped, PROT_READ | PROT_WRITE, flags, -1, 0),
            address != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw TensorStorageError(byteCount: byteCount, errorNumber: errno) }
        if granularity == hugePage {
            // The end stays on small pages: a huge one, touched at its start, is fully resident.
            let whole = byteCount / hugePage * hugePage
            madvise(address, whole, MADV_HUGEPAGE)
            madvise(address + whole, mapped - whole, MADV_NOHUGEPAGE)
        }
        if spreads { MemoryNodes.ofProcess.interleave(address, byteCount: mapped) }
        base = address
        self.byteCount = byteCount
        mappedByteCount = mapped
    }

    /// Addresses without memory, for a dry run: they may be computed with, but not accessed.
    package static let unbacked = TensorStorage(unbackedByteCount: 1 << 46)

    private init(unbackedByteCount: Int) {
        // The second page of the address space: aligned like real memory, and never mapped.
        base = UnsafeMutableRawPointer(bitPattern: 4096)!
        byteCount = unbackedByteCount
        mappedByteCount = 0
    }

    /// Takes the memory from the system now, so that others see what is left.
    ///
    /// Does nothing where the system is older than Linux 5.14.
    func populate() {
        let populateWrite: Int32 = 23  // MADV_POPULATE_WRITE
        if mappedByteCount > 0 { madvise(base, byteCount, populateWrite) }
    }

    /// Returns the memory to the system: it is zero when next touched.
    func discard() {
        if mappedByteCount > 0 { madvise(base, mappedByteCount, MADV_DONTNEED) }
    }

    deinit {
        if mappedByteCount > 0 { munmap(base, mappedByteCount) }
    }
}

/// Memory that the system refused.
package struct TensorStorageError: Error, CustomStringConvertible {
    /// The requested size.
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
