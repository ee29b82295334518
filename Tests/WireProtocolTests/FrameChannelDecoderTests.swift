// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import NIOCore
import NIOTestUtils
import Testing
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

    @Test func agreesWithThePureDecoderOnErrors() {
        for message in Samples.messages {
            for position in message.frame().encoded().indices {
                var bytes = message.frame().encoded()
                bytes[position] ^= 0x10
                let receiver = Samples.receiver(of: message)
                var pure = FrameDecoder(receiver: receiver)
                pure.append(bytes)
                var decoder = FrameChannelDecoder(receiver: receiver)
                var buffer = ByteBuffer(bytes: bytes)
                let expected = #expect(throws: WireError.self) { try pure.next() }
                let actual = #expect(throws: WireError.self) { try decoder.decode(buffer: &buffer) }
                #expect(expected == actual, "\(message.type), byte \(position)")
            }
        }
    }
}
