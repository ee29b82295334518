// SPDX-License-Identifier: Apache-2.0

import NIOSSL

/// Says in plain words what a TLS library says in its own.
enum TLSProblem {
    private static let remedy = "both programs need certificates of one authority (--tls-ca)"
    private static let options = "--tls-cert, --tls-key and --tls-ca"

    /// A worker with TLS to a coordinator without.
    static let wanted = "the worker takes TLS connections only; start retom-coord with \(options)"
    /// The same in the worker's log.
    static let plainPeer = "the coordinator came without TLS; start it with \(options)"
    /// What a connection that ends too early says.
    static let closedInHandshake =
        "the other end closed the connection in the TLS handshake; its log says why"

    /// Words by which BoringSSL's errors are told, with what they mean to us: all of them are
    /// refusals that no second attempt changes.
    private static let refusals: [(word: String, meaning: String)] =
        [
            ("ALERT_PROTOCOL_VERSION", "the worker does not speak TLS; start it with \(options)"),
            ("WRONG_VERSION_NUMBER", "the other end does not speak TLS; start it with \(options)"),
            (
                "ALERT_UNKNOWN_CA",
                "the other end does not know our certificate's authority; \(remedy)"
            ),
            ("ALERT_CERTIFICATE_REQUIRED", "the other end asks for a certificate; \(remedy)"),
            ("CERTIFICATE_EXPIRED", "the other end says that our certificate has expired"),
            ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "the other end shows no certificate; \(remedy)"),
            (
                "CERTIFICATE_VERIFY_FAILED",
                """
                the other end's certificate is not of our authority, has expired, or is for the other \
                role; \(remedy)
                """
            ),
        ]
        + [
            "BAD_CERTIFICATE", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_UNKNOWN",
            "CERTIFICATE_REVOKED",
            "ACCESS_DENIED", "HANDSHAKE_FAILURE",
        ].map {
            ("ALERT_\($0)", "the other end refuses our certificate; \(remedy)")
        }

    /// A sentence for an error of the TLS library; `nil` for other errors.
    static func sentence(for error: any Error) -> String? {
        guard isOurs(error) else { return nil }
        if error as? NIOSSLError == .uncleanShutdown { return "the connection was cut" }
        if isOfAnotherHost(error) {
            return """
                the worker's certificate is for another host; name the worker in the hosts file as \
                its certificate does, or make one for this name
                """
        }
        let text = "\(error)"
        if text.contains("EOF during handshake") { return closedInHandshake }
        return refusal(in: text) ?? "TLS: \(text)"
    }

    /// Whether an error says that one end will not have the other, now or later.
    static func isFinal(_ error: any Error) -> Bool {
        isOurs(error) && (isOfAnotherHost(error) || refusal(in: "\(error)") != nil)
    }

    private static func isOurs(_ error: any Error) -> Bool {
        error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
    }

    private static func isOfAnotherHost(_ error: any Error) -> Bool {
        error as? NIOSSLExtraError == .failedToValidateHostname
            || error as? NIOSSLError == .unableToValidateCertificate
    }

    private static func refusal(in text: String) -> String? {
        refusals.first { text.contains($0.word) }?.meaning
    }
}
