// SPDX-License-Identifier: Apache-2.0

/// One attempt at one image by one worker.
///
/// The token is the fence: it increases with every lease that a coordinator grants, which
/// distinguishes messages of an old holder from those of the current one.
package struct Lease: Sendable, Hashable {
    /// Number of the image in its run.
    package var item: UInt32
    /// 1 for the first attempt.
    package var attempt: Int
    /// Fencing token.
    package var token: UInt64

    /// Creates the lease of an attempt.
    package init(item: UInt32, attempt: Int, token: UInt64) {
        self.item = item
        self.attempt = attempt
        self.token = token
    }
}

extension Lease: CustomStringConvertible {
    package var description: String { "image \(item), attempt \(attempt)" }
}
