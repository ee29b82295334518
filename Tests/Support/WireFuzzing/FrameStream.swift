// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import NIOCore
package import WireProtocol

/// A stream that arrives in pieces, split into frames as a connection does.
package struct FrameStream {
    private var buffer = ByteBuffer()
    private var decoder: FrameChannelDecoder

    /// Nothing has arrived yet.
    package init(receiver: PeerRole) { decoder = FrameChannelDecoder(receiver: receiver) }

    /// Bytes waiting for the rest of their frame.
    package var bufferedByteCount: Int { buffer.readableBytes }

    /// Adds arriving bytes.
    package mutating func append(_ bytes: some Sequence<UInt8>) { buffer.writeBytes(bytes) }

    /// The next frame, `nil` when more bytes are needed.
    package mutating func next() throws(WireError) -> Frame? { try decoder.decode(buffer: &buffer) }
}
