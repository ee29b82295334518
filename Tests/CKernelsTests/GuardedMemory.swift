// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Memory that is not zero, like memory from elsewhere, with a guard past its end.
final class GuardedMemory {
    let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private static let guardByteCount = 64

    init(_ byteCount: Int64) {
        self.byteCount = Int(byteCount)
        base = .allocate(byteCount: self.byteCount + Self.guardByteCount, alignment: 64)
        memset(base, 0xff, self.byteCount + Self.guardByteCount)
    }

    deinit { base.deallocate() }

    /// Whether nothing was written past the end.
    var isClean: Bool {
        (0..<Self.guardByteCount).allSatisfy {
            base.load(fromByteOffset: byteCount + $0, as: UInt8.self) == 0xff
        }
    }
}
