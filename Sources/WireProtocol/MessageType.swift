// SPDX-License-Identifier: Apache-2.0

/// The type byte of a frame.
///
/// Values below 0x80 must be understood; a peer of a newer minor version may send values from
/// 0x80 on, which an older one skips.
package enum MessageType: UInt8, Sendable, CaseIterable {
    case hello = 0x01
    case welcome = 0x02
    case refuse = 0x03
    case assign = 0x10
    case progress = 0x11
    /// Since protocol 1.1.
    case checkpoint = 0x12
    case result = 0x13
    case resultAck = 0x14
    case ackConfirm = 0x15
    case nak = 0x16
    case term = 0x17
    case cancel = 0x18
    /// Since protocol 1.1.
    case prepare = 0x19
    /// Since protocol 1.1.
    case picture = 0x1A
    /// Since protocol 1.2.
    case watch = 0x1B
    /// Since protocol 1.2.
    case preview = 0x1C
    case drain = 0x20
    case ping = 0x21
    case pong = 0x22
    case goodbye = 0x23

    /// Began the handshake of builds that proved the key in separate messages; 0x05 ended it.
    ///
    /// Neither number may be reused.
    package static let retiredChallenge: UInt8 = 0x04

    /// First type byte that a receiver may skip if it does not know it.
    static let optionalStart: UInt8 = 0x80

    /// Who may send it; `nil` for both ends.
    package var sender: PeerRole? {
        switch self {
        case .hello, .assign, .resultAck, .cancel, .prepare, .watch: .coordinator
        case .welcome, .progress, .checkpoint, .preview, .picture, .result, .ackConfirm, .nak,
            .term:
            .worker
        case .refuse, .drain, .ping, .pong, .goodbye: nil
        }
    }

    /// Whether the frame's stream id identifies an image; otherwise it must be 0.
    package var isAboutItem: Bool {
        switch self {
        case .assign, .progress, .checkpoint, .result, .resultAck, .ackConfirm, .nak, .term,
            .cancel, .prepare, .picture, .watch, .preview:
            true
        case .hello, .welcome, .refuse, .drain, .ping, .pong, .goodbye: false
        }
    }

    /// Whether a picture depends on its content, so that no part may be skipped.
    var decidesPicture: Bool { self == .assign || self == .prepare || self == .checkpoint }

    /// Maximum payload, on the wire and after decompression.
    package var payloadByteCountMax: Int {
        switch self {
        case .hello, .welcome: WireLimits.handshakeByteCountMax
        case .assign: WireLimits.assignByteCountMax
        case .result: WireLimits.resultByteCountMax
        case .picture: WireLimits.picturePayloadByteCountMax
        case .checkpoint, .prepare: WireLimits.checkpointPayloadByteCountMax
        case .preview: WireLimits.previewPayloadByteCountMax
        case .refuse, .progress, .resultAck, .ackConfirm, .nak, .term, .cancel, .watch, .drain,
            .ping, .pong, .goodbye:
            WireLimits.smallByteCountMax
        }
    }

    /// Whether the payload may be compressed; only the long messages may.
    package var allowsCompression: Bool {
        switch self {
        case .assign, .checkpoint, .result, .prepare, .picture, .preview: true
        default: false
        }
    }
}
