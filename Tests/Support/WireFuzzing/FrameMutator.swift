// SPDX-License-Identifier: Apache-2.0

import CZlib
import GenerationTypes
import TestSupport
package import WireProtocol

/// Damages good frames, each in one of six ways; the seed determines the damage.
package struct FrameMutator {
    /// How far into the decoder the damage should get.
    package enum Kind: CaseIterable, Sendable {
        /// Any bytes of a frame: nearly all end at a checksum.
        case bytes
        /// The header, with its checksum repaired.
        case header
        /// The payload, with all checksums repaired, so that the fields are read.
        case payload
        /// A payload that is compressed, likewise, so that zstd reads it.
        case compressed
        /// Up to 16 MiB of one byte, compressed to almost nothing, with a false length.
        case bomb
        /// The end of one frame after the beginning of another.
        case splice
    }

    private static let messages = Samples.messages + [.result(Samples.flatResult)]
    private static let plain = messages.map { $0.frame(compressionLevel: nil).encoded() }
    private static let compressed = [longAssign, .result(Samples.flatResult)]
        .map { $0.frame().encoded() }
    private static let bombs = [1 << 10, 1 << 14, 1 << 17, 1 << 24].map { byteCount in
        Zstandard.compress([UInt8](repeating: 0, count: byteCount), level: 3) ?? []
    }

    /// One frame of every kind, and the compressed ones.
    package static var goodFrames: [[UInt8]] { plain + compressed }

    /// Frames of a newer build, each with a part unknown to this one.
    package static let newerFrames: [[UInt8]] = {
        // After the header and the lease.
        let request = WireLimits.headerByteCount + 16
        let assign = Message.assign(Samples.lease, Samples.request)
        let prepare = Message.prepare(
            Samples.lease, Preparation(checkpointInterval: 5, checkpoint: Samples.checkpoint))
        let checkpoint = Message.checkpoint(Samples.lease, Samples.checkpoint)
        // The sampler, the schedule, the layout.
        let changed = [28, 29, 31].map { offset in
            newer(assign) { $0[request + offset] = 200 }
        }
        let longer = [assign, prepare, checkpoint].map { message in newer(message) { $0 += [1, 2] }
        }
        return changed + longer
    }()

    private static func newer(_ message: Message, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = message.frame(compressionLevel: nil).encoded()
        bytes[FrameHeader.typeOffset - 1] = ProtocolVersion.current.minor + 1
        change(&bytes)
        repair(&bytes)
        return bytes
    }

    /// With a prompt worth compressing.
    private static var longAssign: Message {
        var request = Samples.request
        request.prompt = String(repeating: "a red house in the snow, ", count: 40)
        return .assign(Samples.lease, request)
    }

    private var random: SplitMix64

    /// Starts at a seed.
    package init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// A number below a bound, for the caller's own choices.
    package mutating func number(below bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &random)
    }

    /// One damaged frame; now and then the damage cancels out.
    package mutating func frame(_ kind: Kind) -> [UInt8] {
        let headerCount = WireLimits.headerByteCount
        switch kind {
        case .bytes:
            var bytes = pick(Self.plain)
            damage(&bytes, in: 0..<bytes.count)
            return bytes
        case .header:
            var bytes = pick(Self.plain)
            // The magic number stays: without it nothing else is examined.
            damage(&bytes, in: FrameHeader.magic.count..<28, keepsLength: true)
            Self.repairHeader(&bytes)
            return bytes
        case .payload:
            var bytes = pick(Self.plain + Self.newerFrames)
            damage(&bytes, in: headerCount..<bytes.count)
            Self.repair(&bytes)
            return bytes
        case .compressed:
            var bytes = pick(Self.compressed)
            damage(&bytes, in: headerCount..<bytes.count)
            Self.repair(&bytes, keepsContentByteCount: true)
            return bytes
        case .bomb:
            var bytes = Array(pick(Self.compressed).prefix(headerCount)) + pick(Self.bombs)
            let declared = number(below: 1 << (number(below: 25) + 1))
            Self.write(UInt32(declared), at: 16, into: &bytes)
            Self.repair(&bytes, keepsContentByteCount: true)
            return bytes
        case .splice:
            let (first, second) = (pick(Self.plain), pick(Self.plain))
            return Array(first.prefix(number(below: first.count + 1)))
                + second.suffix(number(below: second.count + 1))
        }
    }

    /// The end that reads such a frame; sometimes the one that never should.
    package mutating func receiver(of bytes: [UInt8]) -> PeerRole {
        let type = bytes.count > 6 ? MessageType(rawValue: bytes[6]) : nil
        let isRight = number(below: 8) > 0
        switch type?.sender {
        case .coordinator: return isRight ? .worker : .coordinator
        case .worker: return isRight ? .coordinator : .worker
        case nil: return isRight ? .worker : .coordinator
        }
    }

    private mutating func pick(_ frames: [[UInt8]]) -> [UInt8] {
        frames[number(below: frames.count)]
    }

    private mutating func damage(
        _ bytes: inout [UInt8], in range: Range<Int>, keepsLength: Bool = false
    ) {
        var end = range.upperBound
        for _ in 0...number(below: 4) where end > range.lowerBound {
            let position = range.lowerBound + number(below: end - range.lowerBound)
            let countBefore = bytes.count
            switch number(below: keepsLength ? 3 : 6) {
            case 0: bytes[position] ^= 1 << number(below: 8)
            case 1: bytes[position] = UInt8(number(below: 256))
            case 2:
                let word = position..<min(position + 4, end)
                bytes.replaceSubrange(word, with: repeatElement(255, count: word.count))
            case 3: bytes.removeSubrange(position..<end)
            case 4: bytes.remove(at: position)
            default: bytes.insert(UInt8(number(below: 256)), at: position)
            }
            end += bytes.count - countBefore
        }
    }

    /// Makes lengths and checksums of a frame fit its payload.
    package static func repair(_ bytes: inout [UInt8], keepsContentByteCount: Bool = false) {
        guard bytes.count >= WireLimits.headerByteCount else { return }
        let payload = bytes[WireLimits.headerByteCount...]
        write(UInt32(payload.count), at: 12, into: &bytes)
        if !keepsContentByteCount { write(UInt32(payload.count), at: 16, into: &bytes) }
        write(checksum(payload), at: 20, into: &bytes)
        repairHeader(&bytes)
    }

    private static func repairHeader(_ bytes: inout [UInt8]) {
        write(checksum(bytes[..<28]), at: 28, into: &bytes)
    }

    private static func write(_ word: UInt32, at offset: Int, into bytes: inout [UInt8]) {
        withUnsafeBytes(of: word.littleEndian) {
            bytes.replaceSubrange(offset..<offset + 4, with: $0)
        }
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBufferPointer {
            UInt32(truncatingIfNeeded: crc32(0, $0.baseAddress, UInt32($0.count)))
        }
    }
}
