// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// All messages between the two ends.
///
/// Byte tables: `Protocol.md`.
package enum Message: Sendable, Equatable {
    /// Coordinator introduces itself; the first message of a connection.
    case hello(NodeDescription)
    /// Worker accepts the connection.
    case welcome(NodeDescription)
    /// Either end refuses to work with the other.
    case refuse(WireReason)
    /// Coordinator leases an image to the worker.
    case assign(Lease, GenerationRequest)
    /// Coordinator says how to generate the image of the ASSIGN that follows.
    case prepare(Lease, Preparation)
    /// Worker started an image or finished a step.
    case progress(ProgressReport)
    /// Worker sends what another worker needs to resume the image.
    case checkpoint(Lease, SamplingCheckpoint)
    /// Coordinator asks for previews of an image, at most one per interval in milliseconds; 0 ends
    /// them.
    case watch(Lease, intervalMilliseconds: Int)
    /// Worker shows what the image may become.
    case preview(Lease, LatentPreview)
    /// Worker decoded the latents of the RESULT that follows.
    case picture(Lease, WorkerPicture)
    /// Worker delivers an image; it keeps it until RESULT-ACK.
    case result(LatentResult)
    /// Coordinator has stored the result.
    case resultAck(Lease)
    /// Worker has discarded the result: the second half of the double acknowledgement.
    case ackConfirm(Lease)
    /// Worker returns the image; another attempt may succeed.
    case nak(Lease, WireReason)
    /// Worker returns the image; no attempt can succeed.
    case term(Lease, WireReason)
    /// Coordinator no longer needs the image; the worker answers with NAK `cancelled`.
    case cancel(Lease)
    /// No new work from now on; running work is finished.
    case drain(WireReason)
    /// Requests a PONG with the same number.
    case ping(UInt64)
    /// Answers a PING.
    case pong(UInt64)
    /// The last message of a connection.
    case goodbye(WireReason)

    /// Its type byte.
    package var type: MessageType {
        switch self {
        case .hello: .hello
        case .welcome: .welcome
        case .refuse: .refuse
        case .assign: .assign
        case .prepare: .prepare
        case .progress: .progress
        case .checkpoint: .checkpoint
        case .watch: .watch
        case .preview: .preview
        case .picture: .picture
        case .result: .result
        case .resultAck: .resultAck
        case .ackConfirm: .ackConfirm
        case .nak: .nak
        case .term: .term
        case .cancel: .cancel
        case .drain: .drain
        case .ping: .ping
        case .pong: .pong
        case .goodbye: .goodbye
        }
    }

    /// The attempt it is about; `nil` for messages about the connection.
    package var lease: Lease? {
        switch self {
        case .assign(let lease, _), .resultAck(let lease), .ackConfirm(let lease),
            .nak(let lease, _), .term(let lease, _), .cancel(let lease), .prepare(let lease, _),
            .checkpoint(let lease, _), .picture(let lease, _), .watch(let lease, _),
            .preview(let lease, _):
            lease
        case .progress(let report): report.lease
        case .result(let result): result.lease
        case .hello, .welcome, .refuse, .drain, .ping, .pong, .goodbye: nil
        }
    }
}
