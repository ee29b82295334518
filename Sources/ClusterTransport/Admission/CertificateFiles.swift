// SPDX-License-Identifier: Apache-2.0

import NIOSSL

/// A program's certificate with its chain and its private key, checked before anybody sees them.
struct CertificateFiles {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey

    /// Kinds of keys with which this build's TLS 1.3 signs and verifies.
    private static let keyKinds: Set<String> = ["RSA", "P-256", "P-384", "P-521", "ED25519"]
    /// Shorter RSA keys are too small for TLS's signatures.
    private static let rsaBitCountMin = 1024

    /// Reads PEM files.
    ///
    /// - Parameters:
    ///   - path: the program's certificate, followed by intermediate ones.
    ///   - key: PEM text of its private key.
    ///   - now: seconds since 1970.
    /// - Throws: `TLSIdentityError`; for a key of another certificate, only TLS itself finds it.
    init(_ path: String, key: [UInt8], keyPath: String, now: Int) throws(TLSIdentityError) {
        chain = try Self.certificates(path, now: now)
        guard let privateKey = try? NIOSSLPrivateKey(bytes: key, format: .pem) else {
            throw .unreadable(keyPath, "a private key in PEM without a passphrase")
        }
        self.key = privateKey
    }

    /// Reads certificates that are valid and of a kind that TLS can use.
    ///
    /// - Throws: `TLSIdentityError`.
    static func certificates(
        _ path: String, now: Int
    ) throws(TLSIdentityError) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty
        else { throw .unreadable(path, "a certificate in PEM") }
        for certificate in certificates {
            guard certificate.notValidAfter > now else { throw .expired(path) }
            guard certificate.notValidBefore <= now else { throw .notYetValid(path) }
            try checkKind(of: certificate, path)
        }
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
}
