// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import NIOCore
import NIOTestUtils
import Testing
import WireFuzzing
import WireProtocol

@Suite struct FrameChannelDecoderTests {
    /// Drip-feeds, concatenates and splits, as NIO recommends for every decoder.
    @Test func passesTheVerifier() throws {
        for receiver in PeerRole.allCases {
            let pairs = Samples.messages.filter { $0.type.sender != receiver }.map { message in
                (ByteBuffer(bytes: message.frame().encoded()), [message.frame()])
            }
            try ByteToMessageDecoderVerifier.verifyDecoder(inputOutputPairs: pairs) {
                FrameChannelDecoder(receiver: receiver)
            }
        }
    }
}
