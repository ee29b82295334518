// SPDX-License-Identifier: Apache-2.0

import CZstd
import GenerationTypes
import TestSupport
import Testing
import WireFuzzing
import WireProtocol

@Suite struct CompressionTests {
    @Test(arguments: [0, 1, 2, 5, 255, 4096])
    func planesAreLossless(count: Int) {
        var random = SplitMix64(seed: UInt64(count))
        let values = (0..<count).map { _ in
            Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        }
        let back = BytePlanes.unshuffle(BytePlanes.shuffle(values))
        #expect(back.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test func planesHaveTheDocumentedOrder() {
        let values = [Float(bitPattern: 0x4433_2211), Float(bitPattern: 0x8877_6655)]
        #expect(
            BytePlanes.shuffle(values) == [0x11, 0x55, 0x22, 0x66, 0x33, 0x77, 0x44, 0x88])
    }

    /// Latents are nearly normal: byte planes double the savings of zstd alone, at any size.
    @Test(arguments: [4096, 16384, 65536])
    func planesDoubleWhatCompressionAloneSaves(count: Int) throws {
        var random = SplitMix64(seed: 4)
        let values = (0..<count).map { _ in
            // The sum of twelve uniform numbers is close enough to normal.
            (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) }
        }
        let raw = values.flatMap { value in
            withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
        }
        let plain = try #require(Zstandard.compress(raw, level: 3))
        let shuffled = try #require(
            Zstandard.compress(
                BytePlanes.shuffle(values), level: 1, boundaries: [count, 2 * count, 3 * count]))
        let (saved, savedAlone) = (raw.count - shuffled.count, raw.count - plain.count)
        #expect(Double(saved) > 1.9 * Double(savedAlone))
        #expect(
            try Zstandard.decompress(shuffled, byteCount: raw.count) == BytePlanes.shuffle(values))
    }

    @Test func longPayloadsAreCompressedShortOnesAreNot() throws {
        let latents = GeneratedLatents(
            channels: 4, height: 32, width: 32, values: [Float](repeating: 0.5, count: 4096))
        let message = Message.result(
            LatentResult(
                lease: Samples.lease,
                sampled: SampledImage(latents: latents, sha256: latents.sha256)))
        let frame = message.frame()
        #expect(frame.header.isCompressed)
        #expect(frame.payload.count < 300)
        #expect(try decode(frame.encoded(), receiver: .coordinator) == message)
        #expect(!Message.result(Samples.result).frame().header.isCompressed)
    }

    /// 16 MiB of zeros in about 600 bytes, declared as 200 bytes: nothing beyond these is written.
    @Test func bombIsStoppedAtTheDeclaredSize() throws {
        let bomb = try #require(
            Zstandard.compress([UInt8](repeating: 0, count: 1 << 24), level: 3))
        #expect(bomb.count < 2000)
        let message = Message.result(Samples.result)
        #expect(throws: WireError.decompressedSizeMismatch(.result, declared: 200)) {
            try decode(
                frame(message, payload: bomb, contentByteCount: 200, isCompressed: true),
                receiver: .coordinator)
        }
        // Declared honestly it exceeds the limit of every type, before it is even buffered.
        #expect(throws: WireError.self) {
            try decode(
                frame(
                    .assign(Samples.lease, Samples.request), payload: bomb,
                    contentByteCount: 1 << 24, isCompressed: true), receiver: .worker)
        }
    }

    @Test func declaredSizeMustBeExact() throws {
        let content = [UInt8](repeating: 7, count: 1000)
        let compressed = try #require(Zstandard.compress(content, level: 1))
        #expect(try Zstandard.decompress(compressed, byteCount: 1000) == content)
        for byteCount in [0, 1, 999, 1001, 5000] {
            #expect(throws: Zstandard.Failure.sizeMismatch) {
                try Zstandard.decompress(compressed, byteCount: byteCount)
            }
        }
        #expect(throws: Zstandard.Failure.sizeMismatch) {
            try Zstandard.decompress(compressed + [0], byteCount: 1000)
        }
        for count in 0..<compressed.count {
            #expect(throws: Zstandard.Failure.self) {
                try Zstandard.decompress(Array(compressed[..<count]), byteCount: 1000)
            }
        }
    }

    @Test func hugeWindowsAreRefused() throws {
        let content = [UInt8](repeating: 1, count: 1 << 18)
        let context = try #require(ZSTD_createCCtx())
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
        var compressed = [UInt8](repeating: 0, count: 1 << 18)
        var output = ZSTD_outBuffer()
        compressed.withUnsafeMutableBytes { target in
            content.withUnsafeBytes { source in
                output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                var input = ZSTD_inBuffer(src: source.baseAddress, size: 1000, pos: 0)
                // Streaming without a size keeps the requested window.
                _ = ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush)
                input.size = source.count
                _ = ZSTD_compressStream2(context, &output, &input, ZSTD_e_end)
            }
        }
        let frame = Array(compressed[..<output.pos])
        do {
            _ = try Zstandard.decompress(frame, byteCount: content.count)
            Issue.record("a window of 128 MiB was accepted")
        } catch {
            guard case .library(let reason) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(reason.contains("memory"))
        }
    }
}
