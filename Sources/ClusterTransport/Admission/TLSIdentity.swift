// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL

/// A program's certificate, its key, and the authority that all certificates of the cluster are
/// signed by.
///
/// TLS 1.3 only. Both ends show a certificate of this authority; a worker's must also name the host
/// by which the coordinator calls it, and no certificate is good for the other role if its extended
/// key usage says so.
package struct TLSIdentity: Sendable {
    private let client: NIOSSLContext
    private let server: NIOSSLContext

    /// Reads PEM files.
    ///
    /// - Parameters:
    ///   - certificatePath: the program's certificate, intermediate ones behind it.
    ///   - key: PEM text of its private key.
    ///   - authorityPath: the cluster's own certificate authority.
    ///   - now: seconds since 1970; a certificate that is not valid then is refused here, where it
    ///     can be mended, instead of by every peer.
    /// - Throws: `TLSIdentityError`.
    package init(
        certificatePath: String, key: [UInt8], keyPath: String, authorityPath: String, now: Int
    ) throws(TLSIdentityError) {
        let chain = try Self.certificates(certificatePath)
        let authorities = try Self.certificates(authorityPath)
        for (path, certificates) in [(certificatePath, chain), (authorityPath, authorities)] {
            for certificate in certificates {
                guard certificate.notValidAfter > now else { throw .expired(path) }
                guard certificate.notValidBefore <= now else { throw .notYetValid(path) }
            }
        }
        guard let privateKey = try? NIOSSLPrivateKey(bytes: key, format: .pem) else {
            throw .unreadable(keyPath, "a private key in PEM without a passphrase")
        }
        var server = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey),
            trustRoots: .certificates(authorities))
        server.minimumTLSVersion = .tlsv13
        server.certificateVerification = .noHostnameVerification
        var client = TLSConfiguration.makeClientConfiguration()
        client.minimumTLSVersion = .tlsv13
        client.certificateChain = chain.map { .certificate($0) }
        client.privateKey = .privateKey(privateKey)
        client.trustRoots = .certificates(authorities)
        client.certificateVerification = .fullVerification
        do {
            self.server = try NIOSSLContext(configuration: server)
            self.client = try NIOSSLContext(configuration: client)
        } catch {
            throw .keyMismatch(certificatePath: certificatePath, keyPath: keyPath)
        }
    }

    private static func certificates(
        _ path: String
    ) throws(TLSIdentityError) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty
        else { throw .unreadable(path, "a certificate in PEM") }
        return certificates
    }

    /// The coordinator's end.
    func clientHandler(host: String) throws -> NIOSSLClientHandler {
        // An address is compared with the addresses in the certificate; only names are announced.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: client, serverHostname: isAddress ? nil : host)
    }

    /// A worker's end.
    func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: server) }
}

/// Why files are no identity.
package enum TLSIdentityError: Error, Equatable {
    case unreadable(String, String)
    case expired(String)
    case notYetValid(String)
    case keyMismatch(certificatePath: String, keyPath: String)
}

extension TLSIdentityError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let path, let kind):
            "\(path): can't be read as \(kind); cluster/make-certificates makes such files"
        case .expired(let path):
            "\(path): the certificate has expired; make new ones with cluster/make-certificates"
        case .notYetValid(let path):
            "\(path): the certificate is not valid yet; is this machine's clock right?"
        case .keyMismatch(let certificatePath, let keyPath):
            "\(keyPath) is not the key of the certificate \(certificatePath)"
        }
    }
}
