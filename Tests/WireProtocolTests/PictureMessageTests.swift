// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TestSupport
import Testing
import WireFuzzing
import WireProtocol

/// PICTURE, protocol 1.1.
@Suite struct PictureMessageTests {
    private static func message(_ width: Int, _ height: Int, _ pixels: [UInt8]) -> Message {
        .picture(
            Samples.lease,
            WorkerPicture(
                image: RGBImage(width: width, height: height, bytes: pixels),
                kernelClass: "onednn", seconds: 2))
    }

    @Test func everyPixelSurvivesTheRoundTrip() throws {
        var random = SplitMix64(seed: 3)
        for (width, height) in [(1, 1), (1, 7), (7, 1), (64, 40)] {
            let noise = (0..<3 * width * height).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            let message = Self.message(width, height, noise)
            #expect(try decode(message.frame().encoded(), receiver: .coordinator) == message)
        }
    }

    /// The savings for smooth pictures.
    @Test func gradientsShrink() {
        var pixels: [UInt8] = []
        for y in UInt8(0)..<64 {
            for x in UInt8(0)..<64 { pixels += [3 * x, 2 * y, 200] }
        }
        #expect(Self.message(64, 64, pixels).frame().payload.count < pixels.count / 10)
    }

    @Test func sizesThatDoNotFitAreRefused() {
        let message = Self.message(4, 4, [UInt8](repeating: 9, count: 48))
        let payload = message.frame(compressionLevel: nil).payload
        for (offset, value) in [(24, 0), (24, 5), (28, 3), (28, 255), (27, 0x80)] as [(Int, UInt8)]
        {
            var changed = payload
            changed[offset] = value
            #expect(throws: WireError.self) {
                try decode(frame(message, payload: changed), receiver: .coordinator)
            }
        }
    }
}
