// SPDX-License-Identifier: Apache-2.0

import Testing
import WireFuzzing
import WireProtocol

@Suite struct FrameTests {
    @Test func manyFramesInPiecesOfAnySize() throws {
        let stream = Samples.messages.filter { $0.type.sender != .coordinator }
            .flatMap { $0.frame().encoded() }
        let expected = Samples.messages.filter { $0.type.sender != .coordinator }
        for size in [1, 2, 3, 7, 31, 32, 33, 1000, stream.count] {
            var decoder = FrameStream(receiver: .coordinator)
            var received: [Message] = []
            for start in stride(from: 0, to: stream.count, by: size) {
                decoder.append(stream[start..<min(start + size, stream.count)])
                while let frame = try decoder.next() {
                    received.append(try #require(try Message(frame)))
                }
            }
            #expect(received == expected, "in pieces of \(size)")
            #expect(decoder.bufferedByteCount == 0)
        }
    }

    @Test(arguments: Samples.messages)
    func everyDamagedByteIsNoticed(message: Message) {
        let good = message.frame().encoded()
        for position in good.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                var bytes = good
                bytes[position] ^= change
                #expect(throws: WireError.self, "\(message.type), byte \(position)") {
                    // A length larger than the available bytes cannot be detected by waiting; the
                    // header's checksum ensures that this never happens.
                    if try decode(bytes, receiver: Samples.receiver(of: message)) == nil {
                        Issue.record("waits for more")
                    }
                }
            }
        }
    }

    @Test func lengthsAreCheckedBeforeAnythingIsBuffered() {
        for message in Samples.messages {
            var header = message.frame().header
            let max = message.type.payloadByteCountMax
            for (payload, content) in [(max + 1, max + 1), (Int(UInt32.max), 5), (5, max + 1)] {
                header.payloadByteCount = payload
                header.contentByteCount = content
                #expect(throws: WireError.self) {
                    try decode(header.encoded(), receiver: Samples.receiver(of: message))
                }
            }
        }
    }

    @Test func directionsAreEnforced() {
        for message in Samples.messages {
            guard let sender = message.type.sender else { continue }
            #expect(throws: WireError.wrongDirection(message.type)) {
                try decode(message.frame().encoded(), receiver: sender)
            }
        }
    }

    @Test func headerFieldsAreChecked() {
        func expect(_ expected: WireError, _ change: (inout FrameHeader) -> Void) {
            var header = Message.ping(1).frame().header
            change(&header)
            #expect(throws: expected) {
                try decode(header.encoded() + Message.ping(1).frame().payload, receiver: .worker)
            }
        }
        expect(.unsupportedProtocol(major: 2, minor: ProtocolVersion.current.minor)) {
            $0.version.major = 2
        }
        expect(.unknownMessageType(0x77)) { $0.typeByte = 0x77 }
        expect(.streamOutOfRange(.ping, stream: 3)) { $0.stream = 3 }
        expect(.compressionNotAllowed(.ping)) { $0.isCompressed = true }
        expect(.decompressedSizeMismatch(.ping, declared: 9)) { $0.contentByteCount = 9 }
        expect(.payloadChecksumMismatch(.ping)) { $0.payloadChecksum ^= 1 }
        var assign = Message.assign(Samples.lease, Samples.request).frame().header
        assign.stream = 0
        #expect(throws: WireError.streamOutOfRange(.assign, stream: 0)) {
            try FrameHeader.decode(assign.encoded(), receiver: .worker)
        }
    }

    @Test func reservedBitsMustBeZero() {
        var bytes = Message.ping(1).frame().header.encoded()
        func expect(_ expected: WireError, at offset: Int, _ value: UInt8) {
            var changed = bytes
            changed[offset] = value
            withUnsafeBytes(of: checksum(Array(changed[..<28])).littleEndian) {
                changed.replaceSubrange(28..<32, with: $0)
            }
            #expect(throws: expected) { try FrameHeader.decode(changed, receiver: .worker) }
        }
        expect(.unknownFlags(2), at: 7, 2)
        expect(.reservedFieldNotZero("header"), at: 24, 1)
        bytes[0] = 0
        #expect(throws: WireError.stranger(.unknown)) {
            try FrameHeader.decode(bytes, receiver: .worker)
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: x\r\n", StrangerKind.http), ("POST /sdapi HTTP/1.1", .http),
        ("PRI * HTTP/2.0\r\n", .http), ("SSH-2.0-OpenSSH_9.6", .ssh),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", .tls), ("hello there", .unknown),
        ("\u{0}\u{0}\u{0}\u{0}", .unknown),
    ])
    func strangersAreNamedByTheirFirstBytes(text: String, kind: StrangerKind) {
        var decoder = FrameStream(receiver: .worker)
        decoder.append(Array(text.utf8))
        #expect(throws: WireError.stranger(kind)) { try decoder.next() }
        // The stream stays broken whatever comes after.
        decoder.append(Message.ping(1).frame().encoded())
        #expect(throws: WireError.stranger(kind)) { try decoder.next() }
    }

    @Test func threeStrangeBytesAreNotEnoughToJudge() throws {
        var decoder = FrameStream(receiver: .worker)
        decoder.append(Array("GET".utf8))
        #expect(try decoder.next() == nil)
    }
}
