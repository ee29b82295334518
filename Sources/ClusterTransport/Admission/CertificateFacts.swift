// SPDX-License-Identifier: Apache-2.0

import CCrypto
import NIOSSL

/// A certificate's contents, read by the system's libcrypto.
///
/// NIOSSL accepts a match of the dialled name *or* of the address it resolved to, and cannot
/// describe kinds of keys that TLS does not support.
final class CertificateFacts {
    private let certificate: OpaquePointer

    /// Reads a certificate again; `nil` if the two libraries disagree about its format.
    init?(_ certificate: NIOSSLCertificate) {
        guard let bytes = try? certificate.toDERBytes() else { return nil }
        let parsed = bytes.withUnsafeBufferPointer { buffer in
            var next = buffer.baseAddress
            return d2i_X509(nil, &next, buffer.count)
        }
        guard let parsed else { return nil }
        self.certificate = parsed
    }

    deinit { X509_free(certificate) }

    /// Whether it is valid for a host: a DNS name or an address among its alternative names.
    ///
    /// - Parameter host: as in the hosts file; an IPv6 address without brackets.
    func names(_ host: String, isAddress: Bool) -> Bool {
        if isAddress {
            // A zone, as in fe80::1%eth0, is meaningful only on this machine.
            return X509_check_ip_asc(certificate, String(host.prefix { $0 != "%" }), 0) == 1
        }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        let flags = UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
        return X509_check_host(certificate, name, name.utf8.count, flags, nil) == 1
    }

    /// Its key's kind under its usual name, such as "RSA", "P-256" or "ED448".
    var keyKind: String {
        guard let key = X509_get0_pubkey(certificate) else { return "unknown" }
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        if EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 {
            let curve = String(decoding: name.prefix(count).map(UInt8.init), as: UTF8.self)
            return Self.curves[curve] ?? curve
        }
        guard let type = EVP_PKEY_get0_type_name(key) else { return "unknown" }
        return String(cString: type)
    }

    /// Size of its key, in bits.
    var keyBitCount: Int { X509_get0_pubkey(certificate).map { Int(EVP_PKEY_get_bits($0)) } ?? 0 }

    private static let curves = [
        "prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521",
    ]
}
