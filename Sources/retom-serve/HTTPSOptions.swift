// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The certificate by which clients know a service.
struct HTTPSOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Speak HTTPS with this certificate, followed by intermediate ones (PEM); renewed files \
            are taken within seconds.
            """, valueName: "file"))
    var httpTlsCert: String?

    @Option(
        help: ArgumentHelp(
            "The certificate's private key (PEM); only its owner may read it.", valueName: "file"))
    var httpTlsKey: String?

    func validate() throws {
        guard (httpTlsCert == nil) == (httpTlsKey == nil) else {
            throw ValidationError("--http-tls-cert and --http-tls-key are used together")
        }
    }

    /// The certificate; `nil` for plain HTTP.
    ///
    /// - Throws: `HTTPSCertificateError`, `SecretFileError`.
    func certificate() throws -> HTTPSCertificate? {
        guard let httpTlsCert, let httpTlsKey else { return nil }
        return try HTTPSCertificate(path: httpTlsCert, keyPath: httpTlsKey)
    }
}
