// SPDX-License-Identifier: Apache-2.0

package import NIOSSL
import Synchronization

/// The certificate of a door; it may be renewed while the door is open.
package final class DoorTLS: Sendable {
    private let current: Mutex<NIOSSLContext>

    /// - Parameter context: with the certificate, for new connections.
    package init(_ context: NIOSSLContext) { current = Mutex(context) }

    /// What the next connection is made with.
    var context: NIOSSLContext { current.withLock { $0 } }

    /// New connections have another certificate from now on.
    package func replace(with context: NIOSSLContext) { current.withLock { $0 = context } }
}
