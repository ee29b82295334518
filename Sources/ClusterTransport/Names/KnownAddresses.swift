// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix

/// Passes known addresses to NIO, which tries all of them, IPv6 and IPv4 alternately (RFC 8305);
/// its connection timeout starts here and not at the name lookup.
struct KnownAddresses: Resolver, Sendable {
    private let loop: any EventLoop
    private let addresses: [SocketAddress]

    init(_ addresses: [SocketAddress], loop: any EventLoop) {
        self.addresses = addresses
        self.loop = loop
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        answer(port) { if case .v4 = $0 { true } else { false } }
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        answer(port) { if case .v6 = $0 { true } else { false } }
    }

    func cancelQueries() {}

    private func answer(
        _ port: Int, _ isWanted: (SocketAddress) -> Bool
    ) -> EventLoopFuture<[SocketAddress]> {
        loop.makeSucceededFuture(addresses.filter(isWanted).map { $0.with(port: port) })
    }
}

extension SocketAddress {
    /// The same host's address with a port.
    package func with(port: Int) -> SocketAddress {
        var address = self
        address.port = port
        return address
    }
}
