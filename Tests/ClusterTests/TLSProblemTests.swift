// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Testing
import WireProtocol

/// What is said of errors of the TLS library.
@Suite struct TLSProblemTests {
    private func problem(
        _ word: String, _ layer: TLSLayer.Kind, _ role: PeerRole, established: Bool = false
    ) -> TLSProblem {
        TLSProblem(
            """
            handshakeFailed(NIOSSL.BoringSSLError.sslError([Error: 268435703 error:100000f7:SSL \
            routines:OPENSSL_internal:\(word) at /home/builder/ssl/tls_record.cc:123]))
            """, of: layer, at: role, isEstablished: established)
    }

    @Test func refusalsAreNamedAndFinal() {
        let cases: [(String, TLSLayer.Kind, PeerRole, String)] = [
            ("SSLV3_ALERT_BAD_RECORD_MAC", .key, .coordinator, "the keys differ"),
            ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", .key, .worker, "the keys differ"),
            ("TLSV1_ALERT_PROTOCOL_VERSION", .key, .coordinator, "does not take a key"),
            ("WRONG_VERSION_NUMBER", .key, .coordinator, "the same version of retom"),
            ("UNSUPPORTED_PROTOCOL", .key, .worker, "without a key"),
            ("NO_SHARED_CIPHER", .key, .worker, "without a key"),
            (
                "TLSV1_ALERT_PROTOCOL_VERSION", .certificates, .coordinator,
                "the worker does not speak TLS 1.3 with certificates"
            ),
            (
                "UNSUPPORTED_PROTOCOL", .certificates, .worker,
                "the coordinator does not speak TLS 1.3 with certificates"
            ),
            ("TLSV1_ALERT_UNKNOWN_CA", .certificates, .coordinator, "our certificate's authority"),
            ("CERTIFICATE_VERIFY_FAILED", .certificates, .worker, "not of our authority"),
        ]
        for (word, layer, role, meaning) in cases {
            let problem = problem(word, layer, role)
            #expect(problem.reason.contains(meaning), "\(word): \(problem.reason)")
            #expect(problem.isFinal, "\(word)")
        }
    }

    /// A key that fitted once is not reported as another one for a byte that the network spoiled.
    @Test func damageOnTheWayMayPass() {
        for layer in TLSLayer.Kind.allCases {
            for word in ["DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "SSLV3_ALERT_BAD_RECORD_MAC"] {
                let problem = problem(word, layer, .worker, established: true)
                #expect(problem.reason == "bytes were changed on the way" && !problem.isFinal)
            }
        }
    }

    @Test func aFullDoorMayBeTriedAgain() {
        let problem = problem("TLSV1_ALERT_USER_CANCELLED", .key, .coordinator)
        #expect(problem.reason.contains("too many connections") && !problem.isFinal)
    }

    @Test func pathsOfTheBuildMachineAreNotQuoted() {
        for layer in TLSLayer.Kind.allCases {
            for role in PeerRole.allCases {
                for word in ["UNSUPPORTED_PROTOCOL", "SOMETHING_NEW", "BAD_DH_P_LENGTH", ""] {
                    let problem = problem(word, layer, role)
                    #expect(!problem.reason.contains("/"), "\(problem.reason)")
                }
            }
        }
        let other = problem("BAD_DH_P_LENGTH", .key, .worker)
        #expect(other.reason == "TLS: bad dh p length" && !other.isFinal)
    }
}
