// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Latents that are written, or being written, and not committed: nothing names them, and yet they
/// are needed.
final class ArrivingLatents: Sendable {
    private let digests = Mutex<Set<[UInt8]>>([])

    /// They are about to be written.
    func add(_ sha256: [UInt8]) { digests.withLock { _ = $0.insert(sha256) } }

    /// They are committed.
    func remove(_ sha256: [UInt8]) { digests.withLock { _ = $0.remove(sha256) } }

    /// Does something unless they are on their way, and nobody adds them meanwhile.
    func unlessAdded(_ sha256: [UInt8], _ body: () -> Void) {
        digests.withLock { if !$0.contains(sha256) { body() } }
    }
}
