// SPDX-License-Identifier: Apache-2.0

import NIOSSL

/// TLS 1.2 with one cipher suite, ECDHE-PSK with ChaCha20-Poly1305 (RFC 7905): no certificates, the
/// key authenticates both ends to each other, and a key stolen later decrypts no recording.
///
/// TLS 1.3 also has external keys (RFC 8446, 4.2.11), but BoringSSL offers them only in TLS 1.2.
extension ClusterKey {
    /// Identifies the key and the way it is used; must be equal at both ends.
    private static let identity = "retom-1"

    /// The coordinator's end.
    func clientHandler() throws -> NIOSSLClientHandler {
        var configuration = Self.configuration
        configuration.pskClientProvider = { [preSharedKey] _ in
            PSKClientIdentityResponse(
                key: NIOSSLSecureBytes(preSharedKey), identity: Self.identity)
        }
        return try NIOSSLClientHandler(
            context: NIOSSLContext(configuration: configuration), serverHostname: nil)
    }

    /// A worker's end.
    func serverHandler() throws -> NIOSSLServerHandler {
        var configuration = Self.configuration
        configuration.pskServerProvider = { [preSharedKey] context in
            guard context.clientIdentity == Self.identity else { throw UnknownIdentity() }
            return PSKServerIdentityResponse(key: NIOSSLSecureBytes(preSharedKey))
        }
        return NIOSSLServerHandler(context: try NIOSSLContext(configuration: configuration))
    }

    private struct UnknownIdentity: Error {}

    /// Every connection gets its own context: BoringSSL seals session tickets with a key of the
    /// context, and that key must not outlive the connection if recordings are to stay unreadable.
    private static var configuration: TLSConfiguration {
        var configuration = TLSConfiguration.makePreSharedKeyConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // Only the key may authenticate the other end; in 1.3 an unchecked certificate would.
        configuration.maximumTLSVersion = .tlsv12
        configuration.cipherSuites = "ECDHE-PSK-CHACHA20-POLY1305"
        configuration.shutdownTimeout = TLSLayer.shutdownTimeout
        return configuration
    }
}
