// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL

/// A program's certificate, its key, and the authority that signed all certificates of the cluster.
///
/// TLS 1.3 only. Both ends present a certificate of this authority; a worker's must also name the
/// host by which the coordinator dials it, and a certificate whose extended key usage names one
/// role is not valid for the other.
package struct TLSIdentity: Sendable {
    private let client: NIOSSLContext
    private let server: NIOSSLContext

    /// BoringSSL's own choice omits Ed25519 and P-521.
    private static let signatureAlgorithms: [SignatureAlgorithm] = [
        .ed25519, .ecdsaSecp256R1Sha256, .ecdsaSecp384R1Sha384, .ecdsaSecp521R1Sha512,
        .rsaPssRsaeSha256, .rsaPssRsaeSha384, .rsaPssRsaeSha512,
    ]

    /// Reads PEM files.
    ///
    /// - Parameters:
    ///   - certificatePath: the program's certificate, followed by intermediate ones.
    ///   - key: PEM text of its private key.
    ///   - authorityPath: the cluster's own certificate authority.
    ///   - now: seconds since 1970; a certificate not valid at that time is refused here, where it
    ///     can be fixed, instead of by every peer.
    /// - Throws: `TLSIdentityError`.
    package init(
        certificatePath: String, key: [UInt8], keyPath: String, authorityPath: String, now: Int
    ) throws(TLSIdentityError) {
        let files = try CertificateFiles(certificatePath, key: key, keyPath: keyPath, now: now)
        let authorities = try CertificateFiles.certificates(authorityPath, now: now)
        let (chain, privateKey) = (files.chain, files.key)
        var server = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey),
            trustRoots: .certificates(authorities))
        server.minimumTLSVersion = .tlsv13
        server.verifySignatureAlgorithms = Self.signatureAlgorithms
        server.certificateVerification = .noHostnameVerification
        server.shutdownTimeout = TLSLayer.shutdownTimeout
        var client = TLSConfiguration.makeClientConfiguration()
        client.minimumTLSVersion = .tlsv13
        client.certificateChain = chain.map { .certificate($0) }
        client.privateKey = .privateKey(privateKey)
        client.trustRoots = .certificates(authorities)
        client.verifySignatureAlgorithms = Self.signatureAlgorithms
        // `check(_:names:)` checks the name.
        client.certificateVerification = .noHostnameVerification
        client.shutdownTimeout = TLSLayer.shutdownTimeout
        do {
            self.server = try NIOSSLContext(configuration: server)
            self.client = try NIOSSLContext(configuration: client)
        } catch {
            throw .keyMismatch(certificatePath: certificatePath, keyPath: keyPath)
        }
    }

    private static func isAddress(_ host: String) -> Bool {
        (try? SocketAddress(ipAddress: host, port: 0)) != nil
    }

    /// The coordinator's end.
    func clientHandler(host: String) throws -> NIOSSLClientHandler {
        // The server name extension carries only names, not addresses.
        try NIOSSLClientHandler(
            context: client, serverHostname: Self.isAddress(host) ? nil : host)
    }

    /// Refuses a worker whose certificate does not contain the host as the coordinator names it: a
    /// name that resolves to an address is not the address.
    static func check(
        _ certificate: NIOSSLCertificate?, names host: String
    ) throws(AdmissionError) {
        let facts = certificate.flatMap(CertificateFacts.init)
        guard facts?.names(host, isAddress: isAddress(host)) == true else {
            throw AdmissionError(
                reason: """
                    the worker's certificate is for another host than '\(host)'; name the worker in \
                    the hosts file as its certificate does, or make one for this name
                    """, isFinal: true)
        }
    }

    /// A worker's end.
    func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: server) }
}

/// Why files do not form an identity.
package enum TLSIdentityError: Error, Equatable {
    case unreadable(String, String)
    case expired(String)
    case notYetValid(String)
    case unusableKey(String, kind: String)
    case keyMismatch(certificatePath: String, keyPath: String)
}

extension TLSIdentityError: CustomStringConvertible {
    /// What is wrong.
    package var problem: String {
        switch self {
        case .unreadable(let path, let kind): "\(path): can't be read as \(kind)"
        case .expired(let path): "\(path): the certificate has expired"
        case .notYetValid(let path):
            "\(path): the certificate is not valid yet; is this machine's clock right?"
        case .unusableKey(let path, let kind):
            """
            \(path): TLS can't use this kind of key (\(kind)); use P-256, P-384, P-521, Ed25519 or \
            RSA of 2048 bits
            """
        case .keyMismatch(let certificatePath, let keyPath):
            "\(keyPath) is not the key of the certificate \(certificatePath)"
        }
    }

    package var description: String {
        switch self {
        case .unreadable: "\(problem); cluster/make-certificates makes such files"
        case .expired: "\(problem); make new ones with cluster/make-certificates"
        case .unusableKey: "\(problem): cluster/make-certificates makes such files"
        case .notYetValid, .keyMismatch: problem
        }
    }
}
