// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
import WireProtocol

/// TLS around a connection, with the credentials of both ends; one layer may be inside another.
package enum TLSLayer: Sendable {
    /// Certificates of one authority.
    case certificates(TLSIdentity)
    /// The cluster's key.
    case key(ClusterKey)

    /// The credentials.
    package enum Kind: Sendable, CaseIterable { case certificates, key }

    /// How long closing waits for the other end to close too.
    static let shutdownTimeout = TimeAmount.seconds(1)

    var kind: Kind {
        switch self {
        case .certificates: .certificates
        case .key: .key
        }
    }

    /// The handlers of this layer, those next to the network first.
    ///
    /// - Parameters:
    ///   - host: the coordinator's name for the worker; `nil` at the worker's end.
    ///   - isInnermost: whether frames follow directly.
    func handlers(host: String?, isInnermost: Bool) throws -> [any ChannelHandler] {
        if let host {
            let tls = try clientHandler(host: host)
            let end = TLSLayerHandler(kind, .coordinator, isInnermost: isInnermost) {
                guard case .certificates = self else { return }
                try TLSIdentity.check(tls.peerCertificate, names: host)
            }
            return [tls, end]
        }
        return [
            PlainPeerHandler(kind), try serverHandler(),
            TLSLayerHandler(kind, .worker, isInnermost: isInnermost),
        ]
    }

    private func clientHandler(host: String) throws -> NIOSSLClientHandler {
        switch self {
        case .certificates(let identity): try identity.clientHandler(host: host)
        case .key(let key): try key.clientHandler()
        }
    }

    private func serverHandler() throws -> NIOSSLServerHandler {
        switch self {
        case .certificates(let identity): identity.serverHandler()
        case .key(let key): try key.serverHandler()
        }
    }
}
