// SPDX-License-Identifier: Apache-2.0

package import NIOSSL

/// The certificate by which clients know an HTTPS server; clients show none.
package struct ServerCertificate: Sendable {
    /// What connections are made with: TLS 1.2 and later, HTTP/1.1.
    package let context: NIOSSLContext

    /// Reads PEM files.
    ///
    /// - Parameters:
    ///   - certificatePath: the certificate, followed by intermediate ones.
    ///   - key: PEM text of its private key.
    ///   - now: seconds since 1970.
    /// - Throws: `TLSIdentityError`.
    package init(
        certificatePath: String, key: [UInt8], keyPath: String, now: Int
    ) throws(TLSIdentityError) {
        let files = try CertificateFiles(certificatePath, key: key, keyPath: keyPath, now: now)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: files.chain.map { .certificate($0) },
            privateKey: .privateKey(files.key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = TLSLayer.shutdownTimeout
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .keyMismatch(certificatePath: certificatePath, keyPath: keyPath)
        }
    }
}
