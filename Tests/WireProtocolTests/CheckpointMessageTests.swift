// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import NIOCore
import TestSupport
import Testing
import WireFuzzing
import WireProtocol

/// CHECKPOINT and PREPARE, protocol 1.1.
@Suite struct CheckpointMessageTests {
    private static func checkpoint(_ bytes: [UInt8]) -> SamplingCheckpoint {
        SamplingCheckpoint(step: 3, kernelClass: "onednn", bytes: bytes)
    }

    @Test func checkpointsOfEveryLengthSurviveTheRoundTrip() throws {
        var random = SplitMix64(seed: 5)
        for count in [1, 2, 3, 4, 5, 7, 8, 255, 256, 1021, 4096] {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let message = Message.checkpoint(Samples.lease, Self.checkpoint(bytes))
            #expect(try decode(message.frame().encoded(), receiver: .coordinator) == message)
            let preparation = Preparation(checkpoint: Self.checkpoint(bytes))
            let prepare = Message.prepare(Samples.lease, preparation)
            #expect(try decode(prepare.frame().encoded(), receiver: .worker) == prepare)
        }
        let plain = Message.prepare(Samples.lease, Preparation(checkpointInterval: 9))
        #expect(try decode(plain.frame().encoded(), receiver: .worker) == plain)
    }

    /// A declared length is checked against its limit and the available bytes before it is used.
    @Test func hostileLengthsAreRefused() throws {
        let message = Message.checkpoint(Samples.lease, Self.checkpoint([1, 2, 3, 4]))
        let payload = message.frame().payload
        let offset = payload.count - 8
        for length in [0, 5, UInt32(WireLimits.checkpointByteCountMax) + 1, .max] {
            var changed = payload
            withUnsafeBytes(of: length.littleEndian) {
                changed.replaceSubrange(offset..<offset + 4, with: $0)
            }
            #expect(throws: WireError.self) {
                try decode(frame(message, payload: changed), receiver: .coordinator)
            }
        }
        var header = message.frame().header
        header.isCompressed = true
        header.contentByteCount = MessageType.checkpoint.payloadByteCountMax + 1
        #expect(
            throws: WireError.payloadTooLong(
                .checkpoint, byteCount: header.contentByteCount,
                max: MessageType.checkpoint.payloadByteCountMax)
        ) { try FrameHeader.decode(header.encoded(), receiver: .coordinator) }
    }

    /// While the sender is unknown, nothing long is buffered.
    @Test func theFirstFrameOfAConnectionIsShort() throws {
        let limit = WireLimits.firstPayloadByteCountMax
        let bytes = [UInt8](repeating: 0, count: 1 << 20)
        let long = Message.prepare(
            Samples.lease, Preparation(checkpoint: Self.checkpoint(bytes)))
        for level in [nil, 1] {
            let frame = long.frame(compressionLevel: level)
            var decoder = FrameChannelDecoder(receiver: .worker, firstPayloadByteCountMax: limit)
            var buffer = ByteBuffer(bytes: frame.header.encoded())
            #expect(
                throws: WireError.payloadTooLong(
                    .prepare, byteCount: frame.header.contentByteCount, max: limit)
            ) { try decoder.decode(buffer: &buffer) }

            decoder = FrameChannelDecoder(receiver: .worker, firstPayloadByteCountMax: limit)
            buffer = ByteBuffer(
                bytes: Message.hello(Samples.node(.coordinator)).frame().encoded()
                    + frame.encoded())
            #expect(try decoder.decode(buffer: &buffer) != nil)
            let second = try #require(try decoder.decode(buffer: &buffer))
            #expect(try Message(second) == long)
        }
    }

    /// A peer of 1.0 is recognised by its frames, and receives neither message; nor does it say how
    /// many images it samples at a time.
    @Test func olderPeersAreRecognised() throws {
        var sample = Samples.node(.worker)
        sample.pictureCount = 2
        let welcome = Message.welcome(sample).frame()
        var header = welcome.header
        func node(_ payload: [UInt8]) throws -> NodeDescription? {
            header.payloadByteCount = payload.count
            header.contentByteCount = payload.count
            header.payloadChecksum = checksum(payload)
            let message = try decode(header.encoded() + payload, receiver: .coordinator)
            if case .welcome(let node) = message { return node }
            return nil
        }
        #expect(try node(welcome.payload) == sample)
        header.version.minor = 0
        let old = try #require(try node(welcome.payload.dropLast(2)))
        #expect(!old.knowsCheckpoints && sample.knowsCheckpoints)
        #expect(old.pictureCount == 1)
    }

    /// More images at a time than it accepts, or none, is damage.
    @Test(arguments: [0, 3])
    func picturesAreWithinCredits(count: UInt8) throws {
        let welcome = Message.welcome(Samples.node(.worker)).frame()
        var payload = welcome.payload
        payload[payload.count - 2] = count
        var header = welcome.header
        header.payloadChecksum = checksum(payload)
        #expect(throws: WireError.self) {
            try decode(header.encoded() + payload, receiver: .coordinator)
        }
    }
}
