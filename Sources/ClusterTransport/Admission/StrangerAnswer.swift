// SPDX-License-Identifier: Apache-2.0

import NIOCore
import WireProtocol

/// Final messages to strangers, in their own protocol.
enum StrangerAnswer {
    private static let http = """
        HTTP/1.1 400 Bad Request\r
        Content-Type: text/plain; charset=utf-8\r
        Connection: close\r
        Content-Length: 57\r
        \r
        This port speaks retom's own protocol; use retom-coord.\r\n
        """
    /// A fatal alert, `protocol_version`, which also tells our own TLS client that there is no TLS
    /// here.
    private static let tlsAlert: [UInt8] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]
    /// A fatal alert, `user_canceled`, which tells our own TLS client that there is no place now.
    static let crowded = ByteBuffer(bytes: [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x5A] as [UInt8])

    /// The bytes to send before the connection is closed; `nil` for none.
    static func bytes(for kind: StrangerKind) -> ByteBuffer? {
        switch kind {
        case .http: ByteBuffer(string: http)
        case .tls: ByteBuffer(bytes: tlsAlert)
        case .ssh, .unknown: nil
        }
    }
}
