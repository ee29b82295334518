// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// Working memory for making plans: one block that grows to the largest plan and is then reused.
package final class TokenMergeScratch {
    private var storage: TensorStorage?
    private var used = 0

    package init() {}

    /// Bytes held.
    package var byteCount: Int { storage?.byteCount ?? 0 }

    /// Ensures room for `byteCount` bytes and releases everything taken.
    ///
    /// - Throws: `TensorStorageError` if the system refuses.
    package func prepare(byteCount: Int) throws {
        used = 0
        if byteCount > self.byteCount { storage = try TensorStorage(byteCount: byteCount) }
    }

    /// Releases everything taken.
    func reuse() { used = 0 }

    /// The next `count` values, of unspecified content, aligned to a cache line.
    func take<Element: BitwiseCopyable>(
        _ type: Element.Type, _ count: Int
    ) -> UnsafeMutablePointer<Element> {
        let start = used
        used += Self.byteCount(type, count)
        guard let storage, used <= storage.byteCount else {
            preconditionFailure("the layout promised less scratch than the plan takes")
        }
        return (storage.base + start).bindMemory(to: type, capacity: count)
    }

    /// The bytes used by `take`.
    static func byteCount<Element: BitwiseCopyable>(_ type: Element.Type, _ count: Int) -> Int {
        (count * MemoryLayout<Element>.stride + 63) / 64 * 64
    }
}
