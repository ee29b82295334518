// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Testing
import WireFuzzing
import WireProtocol

/// Frames of protocol 1.2 as on the wire, byte for byte.
///
/// A change here is a change of the protocol: it breaks every installed peer unless the version
/// says so. The tables are in `Protocol.md`.
@Suite struct GoldenFrameTests {
    static let frames: [(type: MessageType, hex: String)] = [
        (
            .hello,
            """
            8952544d0103010000000000ab000000ab00000034dda4ab00000000e5f52b4c0100000002000000\
            00000000040000000001000100000000c8c9cacbcccdcecfd0d1d2d3d4d5d6d70001020304050607\
            08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\
            303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051525354555657\
            58595a5b5c5d5e5f04006e6f64650500302e312e3012006f6e65646e6e2d626631362d6176783531\
            320000
            """
        ),
        (
            .welcome,
            """
            8952544d0103020000000000ab000000ab00000055014147000000005e31dcae0200020002000000\
            00000000040000000001000100000000c8c9cacbcccdcecfd0d1d2d3d4d5d6d70001020304050607\
            08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\
            303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051525354555657\
            58595a5b5c5d5e5f04006e6f64650500302e312e3012006f6e65646e6e2d626631362d6176783531\
            320100
            """
        ),
        (
            .refuse,
            """
            8952544d010303000000000013000000130000006b641a4100000000456220b566000000dc050000\
            0900747279206c61746572
            """
        ),
        (
            .assign,
            """
            8952544d01031000080000009a0000009a0000004a38f8010000000066e64a160200000000000000\
            efcdab89674523012a0000000000000000010000c00000001e0000000000d0400000803e07020200\
            1b000000612072656420686f75736520696e2074686520736e6f772c20c3a906000000626c757272\
            790400746f6d6502020102030203cd010403000000000000e83f0000003f03000000030004000600\
            0500000000000000f83f02000400080002000000000009000000
            """
        ),
        (
            .prepare,
            """
            8952544d01031900080000003f0000003f0000008a8158ae00000000dc78cf4d0200000000000000\
            efcdab896745230105000000010100000c00000012006f6e65646e6e2d626631362d617678353132\
            0b0000000105020603070408090a0b
            """
        ),
        (
            .progress,
            """
            8952544d010311000800000020000000200000002689f76c00000000d1d15f570200000000000000\
            efcdab8967452301030000001e000000000000000000e83f
            """
        ),
        (
            .checkpoint,
            """
            8952544d010312000800000037000000370000003d57ec16000000005ae1270d0200000000000000\
            efcdab89674523010c00000012006f6e65646e6e2d626631362d6176783531320b00000001050206\
            03070408090a0b
            """
        ),
        (
            .watch,
            """
            8952544d01031b00080000001400000014000000433e651400000000f9f99f160200000000000000\
            efcdab8967452301dc050000
            """
        ),
        (
            .preview,
            """
            8952544d01031c00080000002800000028000000e4231574000000000043ce000200000000000000\
            efcdab89674523010c00000004000200010000000000003e81fd00010203047f
            """
        ),
        (
            .picture,
            """
            8952544d01031a0008000000400000004000000090d1c23c000000003b9a70aa0200000000000000\
            efcdab8967452301000000000000e03f020000000200000012006f6e65646e6e2d626631362d6176\
            78353132010aff01021400ff031e8087
            """
        ),
        (
            .result,
            """
            8952544d0103130008000000b8000000b8000000e97cfcce0000000046dcf52f0200000000000000\
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
            8952544d010314000800000010000000100000001853024a00000000bc1acd6d0200000000000000\
            efcdab8967452301
            """
        ),
        (
            .ackConfirm,
            """
            8952544d010315000800000010000000100000001853024a000000007c7ee57a0200000000000000\
            efcdab8967452301
            """
        ),
        (
            .nak,
            """
            8952544d01031600080000002300000023000000ef6fa02b00000000b4fa11920200000000000000\
            efcdab896745230166000000dc0500000900747279206c61746572
            """
        ),
        (
            .term,
            """
            8952544d01031700080000001c0000001c0000005b10fffe000000004c2727680200000000000000\
            efcdab8967452301900100000000000002006e6f
            """
        ),
        (
            .cancel,
            """
            8952544d010318000800000010000000100000001853024a00000000bcaf2f880200000000000000\
            efcdab8967452301
            """
        ),
        (
            .drain,
            """
            8952544d010320000000000012000000120000006790304c000000005c6933a86700000000000000\
            080073746f7070696e67
            """
        ),
        (
            .ping,
            """
            8952544d010321000000000008000000080000003178463b00000000814c2f7e6300000000000000
            """
        ),
        (
            .pong,
            """
            8952544d010322000000000008000000080000003178463b00000000c1e157476300000000000000
            """
        ),
        (
            .goodbye,
            """
            8952544d01032300000000000d0000000d0000007474a2c00000000022b169a60000000000000000\
            0300627965
            """
        ),
    ]

    /// A compressed RESULT; other versions of zstd may compress differently, all must read it.
    static let compressedResult = """
        8952544d01021301080000005400000078040000382f2535000000002604e0db28b52ffd607803d4\
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
