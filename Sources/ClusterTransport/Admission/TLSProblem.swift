// SPDX-License-Identifier: Apache-2.0

import NIOSSL
package import WireProtocol

/// Explains errors of the TLS library in plain words.
package struct TLSProblem: Equatable {
    /// One sentence.
    package let reason: String
    /// Whether one end refuses the other permanently.
    package let isFinal: Bool

    var admissionError: AdmissionError { AdmissionError(reason: reason, isFinal: isFinal) }

    /// The explanation of a connection that ended too early.
    static let closedInHandshake =
        "the other end closed the connection in the TLS handshake; its log says why"
    private static let cut = "the connection was cut"
    private static let damaged = "bytes were changed on the way"
    /// The explanation of a record that differs from the one sent.
    private static let damageWords = [
        "BAD_RECORD_MAC", "DIGEST_CHECK_FAILED", "DECRYPT_ERROR", "DECODE_ERROR",
        "WRONG_VERSION_NUMBER", "PROTOCOL_VERSION", "UNEXPECTED_RECORD", "UNEXPECTED_MESSAGE",
        "RECORD_OVERFLOW", "ENCRYPTED_LENGTH_TOO_LONG", "BAD_ALERT",
    ]
    private static let crowded = "too many connections wait to be let in at the worker"

    /// Explains an error of the TLS library; `nil` for other errors.
    ///
    /// - Parameters:
    ///   - role: the end where it was caught.
    ///   - isEstablished: whether the layer's handshake was complete.
    init?(
        _ error: any Error, of layer: TLSLayer.Kind, at role: PeerRole, isEstablished: Bool
    ) {
        guard error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError else {
            return nil
        }
        if error as? NIOSSLError == .uncleanShutdown {
            self.init(reason: Self.cut, isFinal: false)
            return
        }
        self.init("\(error)", of: layer, at: role, isEstablished: isEstablished)
    }

    /// Explains an error that ends an established connection: a worker checks a coordinator's
    /// certificate when the coordinator already considers the connection established.
    init?(late error: any Error) {
        self.init(error, of: .certificates, at: .coordinator, isEstablished: true)
    }

    /// Explains a message of the TLS library.
    package init(
        _ text: String, of layer: TLSLayer.Kind, at role: PeerRole, isEstablished: Bool
    ) {
        let words = Self.words(of: text)
        func says(_ names: [String]) -> Bool {
            words.contains { word in names.contains { word.contains($0) } }
        }
        if text.contains("EOF during handshake") {
            self.init(reason: Self.closedInHandshake, isFinal: false)
        } else if says(["ALERT_USER_CANCELLED"]) {
            self.init(reason: Self.crowded, isFinal: false)
        } else if isEstablished, says(Self.damageWords) {
            self.init(reason: Self.damaged, isFinal: false)
        } else if let refusal = Self.refusals(of: layer, at: role).first(where: { says($0.words) }),
            !isEstablished || layer == .certificates
        {
            self.init(reason: refusal.meaning, isFinal: true)
        } else {
            let said =
                words.map { $0.lowercased().replacing("_", with: " ") }.joined(separator: ", ")
            // In any case, exclude paths of the machine that built the library.
            self.init(
                reason: "TLS: \(said.isEmpty ? String(text.prefix { $0 != "/" }) : said)",
                isFinal: false)
        }
    }

    private init(reason: String, isFinal: Bool) {
        self.reason = reason
        self.isFinal = isFinal
    }

    /// The names of BoringSSL's errors in a text such as "… OPENSSL_internal:NO_SHARED_CIPHER at
    /// …".
    private static func words(of text: String) -> [String] {
        text.split(separator: "OPENSSL_internal:").dropFirst().map { part in
            String(part.prefix { $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_") })
        }.filter { !$0.isEmpty }
    }
}

/// Messages about an end that lacks the TLS of the other end.
extension TLSProblem {
    private static let certificateOptions = "--tls-cert, --tls-key and --tls-ca"

    /// For a coordinator that connects without the layer, and for the worker's log.
    static func plainPeer(_ layer: TLSLayer.Kind) -> (answer: String, log: String) {
        switch layer {
        case .certificates:
            (
                """
                the worker takes TLS connections only; start retom-coord with \
                \(certificateOptions)
                """,
                "the coordinator came without TLS; start it with \(certificateOptions)"
            )
        case .key:
            (
                """
                the worker asks for a key; start retom-coord with the worker's key: \
                --auth-key-file FILE
                """,
                """
                the coordinator came without a key, and the worker asks for a key; start \
                retom-coord with --auth-key-file FILE
                """
            )
        }
    }
}

/// Substrings that identify BoringSSL's errors, with their meaning here: all of them are permanent
/// refusals.
extension TLSProblem {
    private typealias Refusal = (words: [String], meaning: String)

    private static let remedy = "both programs need certificates of one authority (--tls-ca)"

    private static func refusals(of layer: TLSLayer.Kind, at role: PeerRole) -> [Refusal] {
        switch layer {
        case .certificates: certificateRefusals(at: role)
        case .key: keyRefusals(at: role)
        }
    }

    /// The first match counts, so more specific ones come first.
    private static func keyRefusals(at role: PeerRole) -> [Refusal] {
        let noKey =
            switch role {
            case .coordinator:
                """
                the worker does not take a key; start it with the same --auth-key-file, and have \
                the same version of retom on both machines
                """
            case .worker:
                """
                the coordinator comes with TLS but without a key; start it with the worker's \
                --auth-key-file
                """
            }
        return [
            (
                ["BAD_RECORD_MAC", "DECRYPT_ERROR", "DIGEST_CHECK_FAILED"],
                "the keys differ; give retom-coord and retom-worker the same --auth-key-file"
            ),
            (
                [
                    "PROTOCOL_VERSION", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL",
                    "HANDSHAKE_FAILURE", "PSK_IDENTITY", "NO_SHARED_CIPHER",
                    "INSUFFICIENT_SECURITY", "WRONG_CIPHER_RETURNED", "UNKNOWN_CIPHER_RETURNED",
                ], noKey
            ),
        ]
    }

    private static func certificateRefusals(at role: PeerRole) -> [Refusal] {
        let other = role == .coordinator ? "worker" : "coordinator"
        return [
            (
                ["PROTOCOL_VERSION", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL"],
                """
                the \(other) does not speak TLS 1.3 with certificates; start it with \
                \(certificateOptions)
                """
            ),
            (
                ["ALERT_UNKNOWN_CA"],
                "the other end does not know our certificate's authority; \(remedy)"
            ),
            (
                ["ALERT_CERTIFICATE_REQUIRED"],
                "the other end asks for a certificate; \(remedy)"
            ),
            (
                ["ALERT_CERTIFICATE_EXPIRED"],
                "the other end says that our certificate has expired"
            ),
            (
                ["PEER_DID_NOT_RETURN_A_CERTIFICATE"],
                "the other end shows no certificate; \(remedy)"
            ),
            (
                ["CERTIFICATE_VERIFY_FAILED"],
                """
                the other end's certificate is not of our authority, has expired, or is for the \
                other role; \(remedy)
                """
            ),
            (
                [
                    "ALERT_BAD_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE",
                    "ALERT_CERTIFICATE_UNKNOWN", "ALERT_CERTIFICATE_REVOKED",
                    "ALERT_ACCESS_DENIED", "ALERT_HANDSHAKE_FAILURE",
                ], "the other end refuses our certificate; \(remedy)"
            ),
        ]
    }
}
