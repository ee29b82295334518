// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Testing
import WireFuzzing
import WireProtocol

/// Frames of protocol 1.0 as they are on the wire, byte for byte.
///
/// A change here is a change of the protocol: it breaks every installed peer unless the version
/// says so. The tables are in `Protocol.md`.
@Suite struct GoldenFrameTests {
    static let frames: [(type: MessageType, hex: String)] = [
        (
            .hello,
            """
            8952544d0100010000000000a9000000a9000000add12def000000001309f6320100000002000000\
            00000000040000000001000100000000c8c9cacbcccdcecfd0d1d2d3d4d5d6d70001020304050607\
            08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\
            303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051525354555657\
            58595a5b5c5d5e5f04006e6f64650500302e312e3012006f6e65646e6e2d626631362d6176783531\
            32
            """
        ),
        (
            .welcome,
            """
            8952544d0100020000000000a9000000a90000007cc4b81200000000a472d0090200020002000000\
            00000000040000000001000100000000c8c9cacbcccdcecfd0d1d2d3d4d5d6d70001020304050607\
            08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\
            303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051525354555657\
            58595a5b5c5d5e5f04006e6f64650500302e312e3012006f6e65646e6e2d626631362d6176783531\
            32
            """
        ),
        (
            .refuse,
            """
            8952544d010003000000000013000000130000006b641a4100000000785bc5c366000000dc050000\
            0900747279206c61746572
            """
        ),
        (
            .assign,
            """
            8952544d01001000080000009a0000009a0000004a38f801000000005bdfaf600200000000000000\
            efcdab89674523012a0000000000000000010000c00000001e0000000000d0400000803e07020200\
            1b000000612072656420686f75736520696e2074686520736e6f772c20c3a906000000626c757272\
            790400746f6d6502020102030203cd010403000000000000e83f0000003f03000000030004000600\
            0500000000000000f83f02000400080002000000000009000000
            """
        ),
        (
            .progress,
            """
            8952544d010011000800000020000000200000002689f76c00000000ece8ba210200000000000000\
            efcdab8967452301030000001e000000000000000000e83f
            """
        ),
        (
            .result,
            """
            8952544d0100130008000000b8000000b8000000e97cfcce000000007be510590200000000000000\
            efcdab896745230104000000020000000200000000000000000000000000e03f0000000000802840\
            0f0000003c0000000000000002000000000000000100000040e2010000000000f1fb090000000000\
            6fc75b5c81210cf228aa61b43e324c32af503aa37c7be388f5b837ea1455dad80000000000000000\
            0000000000000000000000000000000000000000000000008060402000c08000000080c000204060\
            bfbfbfbfbfbebebe003e3e3e3f3f3f3f
            """
        ),
        (
            .resultAck,
            """
            8952544d010014000800000010000000100000001853024a000000008123281b0200000000000000\
            efcdab8967452301
            """
        ),
        (
            .ackConfirm,
            """
            8952544d010015000800000010000000100000001853024a000000004147000c0200000000000000\
            efcdab8967452301
            """
        ),
        (
            .nak,
            """
            8952544d01001600080000002300000023000000ef6fa02b0000000089c3f4e40200000000000000\
            efcdab896745230166000000dc0500000900747279206c61746572
            """
        ),
        (
            .term,
            """
            8952544d01001700080000001c0000001c0000005b10fffe00000000711ec21e0200000000000000\
            efcdab8967452301900100000000000002006e6f
            """
        ),
        (
            .cancel,
            """
            8952544d010018000800000010000000100000001853024a000000008196cafe0200000000000000\
            efcdab8967452301
            """
        ),
        (
            .drain,
            """
            8952544d010020000000000012000000120000006790304c000000006150d6de6700000000000000\
            080073746f7070696e67
            """
        ),
        (
            .ping,
            """
            8952544d010021000000000008000000080000003178463b00000000bc75ca086300000000000000
            """
        ),
        (
            .pong,
            """
            8952544d010022000000000008000000080000003178463b00000000fcd8b2316300000000000000
            """
        ),
        (
            .goodbye,
            """
            8952544d01002300000000000d0000000d0000007474a2c0000000001f888cd00000000000000000\
            0300627965
            """
        ),
    ]

    /// A compressed RESULT; other versions of zstd may compress otherwise, all must read it.
    static let compressedResult = """
        8952544d01001301080000005400000078040000382f253500000000cfd7763628b52ffd607803d4\
        0100f4020200efcdab89674523010400000008f6266df512f071ac505eed191ae133d690a7755f1f\
        079e31cd24da47ac98e3ae03000112d8e53f002c0208000002080000020800000308003f
        """

    @Test func ourFramesAreTheGoldenOnes() {
        #expect(Self.frames.map(\.type) == Samples.messages.map(\.type))
        for (message, golden) in zip(Samples.messages, Self.frames) {
            let bytes = message.frame(compressionLevel: nil).encoded()
            #expect(Hexadecimal.text(bytes) == golden.hex, "\(message.type)")
        }
    }

    @Test func goldenFramesAreUnderstood() throws {
        for (message, golden) in zip(Samples.messages, Self.frames) {
            let bytes = try #require(Self.bytes(golden.hex))
            #expect(try decode(bytes, receiver: Samples.receiver(of: message)) == message)
        }
        let compressed = try #require(Self.bytes(Self.compressedResult))
        #expect(try decode(compressed, receiver: .coordinator) == .result(Samples.flatResult))
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] * 16 + digits[$0 + 1])
        }
    }
}
