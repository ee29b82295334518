// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The scratch memory of one lane: a stack of tensors in one block, sized by a dry run.
///
/// While it measures, it returns addresses that nothing may access and records the deepest use;
/// `allocate()` then allocates that much memory once. After that no tensor costs a heap allocation.
///
///     try workspace.scope {                    // everything created inside is released at its end
///         let hidden = workspace.tensor(shape, .float32)
///         …
///     }
package final class Workspace {
    /// Identifies a dry run; preparations for shapes are keyed by it.
    package final class DryRun: Sendable {
        private let ended = Atomic(false)

        /// Whether its workspace is used for it no longer; what was prepared for it may go.
        package var isOver: Bool { ended.load(ordering: .acquiring) }

        fileprivate func end() { ended.store(true, ordering: .releasing) }
    }

    private var storage: TensorStorage
    private var used = 0
    /// Deepest use so far, in bytes.
    package private(set) var peakByteCount = 0
    /// Whether this is a dry run: tensors have addresses but no memory.
    package private(set) var isMeasuring: Bool
    /// The current dry run, or the one that sized the block.
    package private(set) var dryRun = DryRun()

    /// Every tensor starts on a cache line, with room for a full vector load past its end.
    private static let alignment = 128

    /// Starts in measuring mode.
    package init() {
        storage = .unbacked
        isMeasuring = true
    }

    deinit { dryRun.end() }

    /// Returns to measuring and frees the block, for a request with another shape.
    package func startMeasuring() {
        precondition(used == 0, "tensors are still in use")
        storage = .unbacked
        peakByteCount = 0
        dryRun.end()
        dryRun = DryRun()
        isMeasuring = true
    }

    /// Ends the dry run: allocates the measured amount of memory.
    package func allocate() throws(TensorStorageError) {
        precondition(isMeasuring && used == 0, "allocate() ends a dry run")
        storage = try TensorStorage(byteCount: peakByteCount)
        isMeasuring = false
    }

    /// Takes the memory from the system before it is first written.
    package func populate() { storage.populate() }

    /// Returns the memory to the system until it is written again; nothing may be in use.
    package func discard() {
        precondition(used == 0, "tensors are still in use")
        storage.discard()
    }

    /// A tensor of unspecified content, valid until the enclosing `scope` ends.
    package func tensor(_ shape: TensorShape, _ elementType: ElementType) -> Tensor {
        let byteCount = shape.elementCount * elementType.byteCount
        return Tensor(
            storage: storage, byteOffset: reserve(byteCount), shape: shape, elementType: elementType
        )
    }

    /// Raw scratch memory, valid until the enclosing `scope` ends.
    package func bytes(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let offset = reserve(byteCount)
        return storage.base + offset
    }

    /// Releases everything that `body` took when it returns.
    package func scope<Result>(_ body: () throws -> Result) rethrows -> Result {
        let mark = used
        defer { used = mark }
        return try body()
    }

    private func reserve(_ byteCount: Int) -> Int {
        let offset = used
        let rounded = (byteCount + 2 * Self.alignment - 1) / Self.alignment * Self.alignment
        used += rounded
        peakByteCount = max(peakByteCount, used)
        precondition(used <= storage.byteCount, "the dry run asked for less memory than the run")
        return offset
    }
}
