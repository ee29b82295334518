// SPDX-License-Identifier: Apache-2.0

import Testing
import WireFuzzing
import WireProtocol

/// Any input becomes a message or ends the connection with a named reason.
@Suite struct FuzzTests {
    /// A tenth of the million that `scripts/fuzz` feeds.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func damagedFramesAreMessagesOrNamedErrors(seed: UInt64) throws {
        let tallies = try FrameFuzzer.run(count: 25_000, seed: seed)
        for kind in FrameMutator.Kind.allCases {
            let tally = try #require(tallies[kind])
            #expect(tally.frameCount > 4000)
            #expect(tally.refusedCount > 1000, "\(kind): \(tally)")
        }
        // The damage gets as far as intended.
        func reached(_ kind: FrameMutator.Kind, _ code: WireErrorCode) -> Int {
            tallies[kind]?.refusedCounts[code] ?? 0
        }
        #expect(reached(.bytes, .checksumMismatch) > 1000)
        #expect(reached(.header, .unexpectedMessage) > 100)
        #expect(reached(.header, .frameTooLong) > 500)
        #expect(reached(.header, .protocolMismatch) > 50)
        #expect(reached(.payload, .malformedFrame) > 1000)
        #expect(reached(.payload, .notUnderstood) > 100)
        #expect(reached(.compressed, .malformedFrame) > 1000)
        #expect(reached(.bomb, .frameTooLong) > 1000)
        #expect(tallies[.payload]?.messageCount ?? 0 > 100, "some damage is only another message")
        #expect(tallies[.splice]?.messageCount ?? 0 > 30)
    }

    /// Unknown parts from newer builds fail an image, and the connection continues with the next
    /// message.
    @Test func newerFramesFailOnlyTheirImage() throws {
        for newer in FrameMutator.newerFrames {
            let receiver: PeerRole =
                newer[FrameHeader.typeOffset] == MessageType.checkpoint.rawValue
                ? .coordinator : .worker
            let bytes = newer + Message.ping(1).frame().encoded()
            let outcome = try FrameCheck.feed(bytes, receiver: receiver, pieceByteCount: 7)
            #expect(outcome.messageCount == 1)
            #expect(outcome.error?.lease == Samples.lease)
        }
    }

    /// Valid frames follow the rules too, so that the rules are not always broken.
    @Test func goodFramesKeepTheRules() throws {
        for input in GuidedInput.corpus { try GuidedInput.check(input) }
        for frame in FrameMutator.goodFrames {
            let type = try #require(MessageType(rawValue: frame[6]))
            let receiver: PeerRole = type.sender == .worker ? .coordinator : .worker
            let outcome = try FrameCheck.feed(frame, receiver: receiver, pieceByteCount: 1)
            #expect(outcome.messageCount == 1 && outcome.error == nil, "\(type)")
            #expect(outcome.bufferedByteCountMax < frame.count)
        }
    }
}
