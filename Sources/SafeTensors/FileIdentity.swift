// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Which file it is and when it was last written: what tells that a file is still the one that was
/// read before.
package struct FileIdentity: Sendable, Hashable {
    /// Number of the file system.
    private let device: UInt64
    /// Number of the file on it; a file that takes another's place has its own.
    private let inode: UInt64
    /// Length in bytes.
    package let byteCount: Int
    private let modifiedSeconds: Int
    private let modifiedNanoseconds: Int

    /// The file at a path; `nil` where there is none that can be looked at.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// An open file; `nil` where the system can't say.
    package init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        byteCount = Int(status.st_size)
        modifiedSeconds = status.st_mtim.tv_sec
        modifiedNanoseconds = status.st_mtim.tv_nsec
    }
}
