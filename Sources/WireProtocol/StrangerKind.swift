// SPDX-License-Identifier: Apache-2.0

/// What connects to the port without speaking our protocol, recognised by its first bytes.
package enum StrangerKind: Sendable, Equatable, CaseIterable {
    case http
    case tls
    case ssh
    case unknown

    /// Classifies bytes that do not begin with our magic number.
    package init(firstBytes bytes: some Collection<UInt8>) {
        let head = Array(bytes.prefix(8))
        let verbs = [
            "GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ",
        ]
        if verbs.contains(where: { head.starts(with: $0.utf8) }) {
            self = .http
        } else if head.starts(with: "SSH-".utf8) {
            self = .ssh
        } else if head.count >= 3, head[0] == 0x16, head[1] == 0x03, head[2] <= 0x04 {
            self = .tls
        } else {
            self = .unknown
        }
    }
}

extension StrangerKind: CustomStringConvertible {
    package var description: String {
        switch self {
        case .http: "the peer speaks HTTP; this port accepts only retom's own protocol"
        case .tls:
            """
            the peer speaks TLS, and this worker does not; start it with the coordinator's \
            --auth-key-file or with certificates
            """
        case .ssh: "the peer speaks SSH; this port accepts only retom's own protocol"
        case .unknown: "the peer does not speak retom's protocol"
        }
    }
}
