// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import WireProtocol

/// Seeded mutations: whatever arrives, the decoder answers with a message or a typed error.
@Suite struct FuzzTests {
    /// Mutates whole frames; nearly all die at a checksum.
    @Test func mutatedStreamsNeverTrap() {
        var random = SplitMix64(state: 1)
        let frames = Samples.messages.map { $0.frame().encoded() }
        var errors = 0
        for _ in 0..<50_000 {
            var bytes = frames[Int.random(in: 0..<frames.count, using: &random)]
            Self.mutate(&bytes, &random)
            var decoder = FrameStream(
                receiver: Bool.random(using: &random) ? .worker : .coordinator)
            decoder.append(bytes)
            do {
                while let frame = try decoder.next() { _ = try Message(frame) }
            } catch {
                errors += 1
            }
        }
        #expect(errors > 30_000)
    }

    /// Mutates payloads and repairs the checksum, so that the field readers get to see them.
    @Test func mutatedPayloadsNeverTrap() throws {
        var random = SplitMix64(state: 2)
        let contents = Samples.messages.map { $0.frame(compressionLevel: nil).payload }
        var accepted = 0
        for _ in 0..<100_000 {
            let index = Int.random(in: 0..<contents.count, using: &random)
            var payload = contents[index]
            Self.mutate(&payload, &random)
            let message = Samples.messages[index]
            guard payload.count <= message.type.payloadByteCountMax else { continue }
            let header = Self.header(message, payload)
            guard let frame = try? Frame(header: header, payload: payload) else {
                Issue.record("the checksum was repaired")
                return
            }
            if let decoded = try? Message(frame) {
                // What was accepted must be sayable again.
                accepted += 1
                #expect(decoded.type == message.type)
                _ = decoded.frame().encoded()
            }
        }
        #expect(accepted > 1000)
    }

    /// Mutates compressed bytes inside a frame whose checksum is right.
    @Test func mutatedCompressedBytesNeverTrap() throws {
        var random = SplitMix64(state: 3)
        let request = Message.assign(Samples.lease, Samples.request)
        let content = (0..<4000).map { UInt8(truncatingIfNeeded: $0 / 16) }
        let compressed = try #require(Zstandard.compress(content, level: 3))
        for _ in 0..<5_000 {
            var payload = compressed
            Self.mutate(&payload, &random)
            let bytes = frame(
                request, payload: payload, contentByteCount: content.count, isCompressed: true)
            _ = try? decode(bytes, receiver: .worker)
        }
    }

    private static func header(_ message: Message, _ payload: [UInt8]) -> FrameHeader {
        var header = message.frame().header
        header.isCompressed = false
        header.payloadByteCount = payload.count
        header.contentByteCount = payload.count
        header.payloadChecksum = checksum(payload)
        return header
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard !bytes.isEmpty else { return }
            let position = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[position] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.removeSubrange(position...)
            case 3: bytes.remove(at: position)
            case 4: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
            default:
                let end = min(position + 4, bytes.count)
                bytes.replaceSubrange(
                    position..<end, with: repeatElement(255, count: end - position))
            }
        }
    }
}
