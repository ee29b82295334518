// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import TestSupport
import Testing

@Suite struct HostilePNGTests {
    private let file: [UInt8]

    init() throws {
        file = try PNG.encode(
            Patterns.waves(width: 24, height: 17),
            texts: [
                PNGText(keyword: "parameters", text: "a red house"),
                PNGText(keyword: "retom", text: "雪"),
            ])
    }

    @Test func everyTruncationIsATypedError() {
        let accepted = file.indices.filter { (try? PNG.decode(Array(file.prefix($0)))) != nil }
        #expect(accepted.isEmpty)
        #expect(throws: ImageCodecError.truncated) { try PNG.decode(Array(file.dropLast(20))) }
        #expect(throws: ImageCodecError.notPNG) { try PNG.decode([]) }
    }

    @Test func everyFlippedByteIsATypedError() {
        let accepted = file.indices.filter { position in
            var bytes = file
            bytes[position] ^= 0x41
            return (try? PNG.decode(bytes)) != nil
        }
        #expect(accepted.isEmpty)
    }

    @Test func aWrongChecksumIsNamed() {
        var bytes = file
        bytes[29] ^= 1
        #expect(throws: ImageCodecError.corrupt("IHDR: CRC error")) { try PNG.decode(bytes) }
    }

    @Test func strangersAreNotPNG() {
        #expect(throws: ImageCodecError.notPNG) { try PNG.decode(Array("GIF89a".utf8)) }
        #expect(throws: ImageCodecError.notPNG) {
            try PNG.decode(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
        }
    }

    @Test func hugeDimensionsAreRefusedBeforeAnythingIsAllocated() {
        #expect(throws: ImageCodecError.tooLarge(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF)) {
            try PNG.decode(header(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF))
        }
        #expect(throws: ImageCodecError.tooLarge(width: 60_000, height: 60_000)) {
            try PNG.decode(header(width: 60_000, height: 60_000))
        }
        // Within the limit, but more than so few bytes can hold: 100 megapixels in 45 bytes.
        #expect(throws: ImageCodecError.truncated) {
            try PNG.decode(header(width: 10_000, height: 10_000))
        }
    }

    @Test func emptyDimensionsAreCorrupt() {
        #expect(throws: ImageCodecError.self) { try PNG.decode(header(width: 0, height: 5)) }
    }

    @Test func randomBytesBehindTheSignatureNeverCrash() {
        var generator = SplitMix64(seed: 7)
        for _ in 0..<500 {
            var bytes = Array(file.prefix(8))
            bytes += (0..<Int(generator.next() % 200)).map { _ in UInt8(generator.next() & 255) }
            if (try? PNG.decode(bytes)) != nil { Issue.record("accepted \(bytes)") }
        }
    }

    /// A file of a header only, with a valid checksum and an end.
    private func header(width: UInt32, height: UInt32) -> [UInt8] {
        func bigEndian(_ value: UInt32) -> [UInt8] {
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
        }
        let body = Array("IHDR".utf8) + bigEndian(width) + bigEndian(height) + [8, 2, 0, 0, 0]
        return Array(file.prefix(8)) + [0, 0, 0, 13] + body + bigEndian(crc32(body))
            + [0, 0, 0, 0] + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82]
    }

    private func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
