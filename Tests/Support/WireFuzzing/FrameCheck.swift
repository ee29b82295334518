// SPDX-License-Identifier: Apache-2.0

package import WireProtocol

/// The rules for any bytes whatsoever: they become messages, or end the connection with a named
/// reason, and no more of them is buffered than one message may have.
package enum FrameCheck {
    /// How a connection handled the bytes.
    package struct Outcome: Sendable, Equatable {
        /// Messages in them.
        package var messageCount = 0
        /// Why the connection ends, or the last error that fails only an image; `nil` when more
        /// bytes are awaited.
        package var error: WireError?
        /// Largest number of bytes buffered.
        package var bufferedByteCountMax = 0
    }

    /// A rule that was broken.
    package struct Finding: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Feeds bytes to a connection's decoder in pieces, as a network may.
    package static func feed(
        _ bytes: [UInt8], receiver: PeerRole, pieceByteCount: Int
    ) throws(Finding) -> Outcome {
        var stream = FrameStream(receiver: receiver)
        var outcome = Outcome()
        var messages: [Message] = []
        for start in stride(from: 0, to: bytes.count, by: pieceByteCount) {
            stream.append(bytes[start..<min(start + pieceByteCount, bytes.count)])
            do throws(WireError) {
                while let frame = try stream.next() {
                    guard let message = try take(frame, &outcome) else { continue }
                    outcome.messageCount += 1
                    messages.append(message)
                }
            } catch {
                outcome.error = error
                break
            }
            outcome.bufferedByteCountMax = max(
                outcome.bufferedByteCountMax, stream.bufferedByteCount)
        }
        if let error = outcome.error { try checkName(of: error) }
        for message in messages { try checkRepetition(of: message) }
        let limit = byteCountMax(for: receiver)
        guard outcome.bufferedByteCountMax < limit else {
            throw Finding(description: "\(outcome.bufferedByteCountMax) bytes wait, not \(limit)")
        }
        return outcome
    }

    /// Handles a frame as a connection does: errors that fail only an image do not end it.
    private static func take(
        _ frame: Frame, _ outcome: inout Outcome
    ) throws(WireError) -> Message? {
        do {
            return try Message(frame)
        } catch {
            guard error.lease != nil else { throw error }
            outcome.error = error
            return nil
        }
    }

    /// An accepted message can be re-encoded and means the same.
    private static func checkRepetition(of message: Message) throws(Finding) {
        let frame = message.frame(compressionLevel: nil)
        let again = try? Message(frame)?.frame(compressionLevel: nil)
        guard again == frame else {
            throw Finding(description: "\(message) is another message when it is re-encoded")
        }
    }

    /// The peer receives a known code, and people a sentence.
    private static func checkName(of error: WireError) throws(Finding) {
        guard error.code != .unspecified, error.code != .finished, !error.description.isEmpty else {
            throw Finding(description: "\(error) has no name")
        }
    }

    /// The largest frame that this end may receive.
    private static func byteCountMax(for receiver: PeerRole) -> Int {
        let types = MessageType.allCases.filter { $0.sender != receiver }
        return WireLimits.headerByteCount + (types.map(\.payloadByteCountMax).max() ?? 0)
    }
}
