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

    /// Kinds of keys with which this build's TLS 1.3 signs and verifies.
    private static let keyKinds: Set<String> = ["RSA", "P-256", "P-384", "P-521", "ED25519"]
    /// Shorter RSA keys are too small for TLS's signatures.
    private static let rsaBitCountMin = 1024
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
        let chain = try Self.certificates(certificatePath)
        let authorities = try Self.certificates(authorityPath)
        for (path, certificates) in [(certificatePath, chain), (authorityPath, authorities)] {
            for certificate in certificates {
                guard certificate.notValidAfter > now else { throw .expired(path) }
                guard certificate.notValidBefore <= now else { throw .notYetValid(path) }
                try Self.checkKind(of: certificate, path)
            }
        }
        guard let privateKey = try? NIOSSLPrivateKey(bytes: key, format: .pem) else {
            throw .unreadable(keyPath, "a private key in PEM without a passphrase")
        }
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

    private static func certificates(
        _ path: String
    ) throws(TLSIdentityError) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty
        else { throw .unreadable(path, "a certificate in PEM") }
        return certificates
    }

    private static func checkKind(
        of certificate: NIOSSLCertificate, _ path: String
    ) throws(TLSIdentityError) {
        guard let facts = CertificateFacts(certificate) else {
            throw .unreadable(path, "a certificate in PEM")
        }
        let kind = facts.keyKind
        guard keyKinds.contains(kind) else { throw .unusableKey(path, kind: kind) }
        guard kind != "RSA" || facts.keyBitCount >= rsaBitCountMin else {
            throw .unusableKey(path, kind: "RSA with \(facts.keyBitCount) bits")
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
    package var description: String {
        switch self {
        case .unreadable(let path, let kind):
            "\(path): can't be read as \(kind); cluster/make-certificates makes such files"
        case .expired(let path):
            "\(path): the certificate has expired; make new ones with cluster/make-certificates"
        case .notYetValid(let path):
            "\(path): the certificate is not valid yet; is this machine's clock right?"
        case .unusableKey(let path, let kind):
            """
            \(path): TLS can't use this kind of key (\(kind)); use P-256, P-384, P-521, Ed25519 or \
            RSA of 2048 bits: cluster/make-certificates makes such files
            """
        case .keyMismatch(let certificatePath, let keyPath):
            "\(keyPath) is not the key of the certificate \(certificatePath)"
        }
    }
}
