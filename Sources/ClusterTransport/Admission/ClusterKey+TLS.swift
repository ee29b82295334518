// SPDX-License-Identifier: Apache-2.0

import NIOSSL

/// TLS 1.2 with one cipher suite, ECDHE-PSK with ChaCha20-Poly1305 (RFC 7905): no certificates, the
/// key proves both ends to each other, and a key that is stolen later opens no recording.
///
/// TLS 1.3 has external keys too (RFC 8446, 4.2.11), but BoringSSL offers them in TLS 1.2 only.
extension ClusterKey {
    /// Names the key and the way it is used; both ends must mean the same.
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

    /// Every connection gets a context of its own: BoringSSL seals session tickets with a key of the
    /// context, and that must not outlive the connection if recordings are to stay closed.
    private static var configuration: TLSConfiguration {
        var configuration = TLSConfiguration.makePreSharedKeyConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // Nothing but the key may prove the other end; in 1.3 a certificate would, unchecked.
        configuration.maximumTLSVersion = .tlsv12
        configuration.cipherSuites = "ECDHE-PSK-CHACHA20-POLY1305"
        configuration.shutdownTimeout = TLSLayer.shutdownTimeout
        return configuration
    }
}
