// SPDX-License-Identifier: Apache-2.0

/// Bytes that crossed the wire, as the store keeps them and the report shows them.
package struct ByteCounts: Sendable, Equatable, Codable {
    /// Sent, frame headers included.
    package var sent = 0
    /// Received, frame headers included.
    package var received = 0
    /// RESULT frames received, as they would be without compression.
    package var latents = 0
    /// The same frames as they travelled.
    package var compressedLatents = 0

    private enum CodingKeys: String, CodingKey {
        case sent = "sent_bytes"
        case received = "received_bytes"
        case latents = "latent_bytes"
        case compressedLatents = "latent_bytes_compressed"
    }

    /// No bytes yet, or counts from elsewhere.
    package init(sent: Int = 0, received: Int = 0, latents: Int = 0, compressedLatents: Int = 0) {
        self.sent = sent
        self.received = received
        self.latents = latents
        self.compressedLatents = compressedLatents
    }

    /// Adds the bytes of another session.
    package static func += (left: inout Self, right: Self) {
        left.sent += right.sent
        left.received += right.received
        left.latents += right.latents
        left.compressedLatents += right.compressedLatents
    }
}
