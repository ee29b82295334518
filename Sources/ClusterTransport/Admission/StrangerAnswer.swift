// SPDX-License-Identifier: Apache-2.0

import NIOCore
import WireProtocol

/// Last words to strangers, in their own language.
enum StrangerAnswer {
    private static let http = """
        HTTP/1.1 400 Bad Request\r
        Content-Type: text/plain; charset=utf-8\r
        Connection: close\r
        Content-Length: 57\r
        \r
        This port speaks retom's own protocol; use retom-coord.\r\n
        """
    /// A fatal alert, `protocol_version`: our own TLS client, too, learns from it that there is none
    /// here.
    private static let tlsAlert: [UInt8] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]
    /// A fatal alert, `user_canceled`: our own TLS client learns from it that there is no place now.
    static let crowded = ByteBuffer(bytes: [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x5A] as [UInt8])

    /// What to send before the connection is closed; `nil` for nothing.
    static func bytes(for kind: StrangerKind) -> ByteBuffer? {
        switch kind {
        case .http: ByteBuffer(string: http)
        case .tls: ByteBuffer(bytes: tlsAlert)
        case .ssh, .unknown: nil
        }
    }
}
