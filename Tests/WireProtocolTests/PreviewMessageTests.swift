// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TestSupport
import Testing
import WireFuzzing
import WireProtocol

/// WATCH and PREVIEW, protocol 1.2.
@Suite struct PreviewMessageTests {
    private static func message(_ height: Int, _ width: Int, seed: UInt64 = 1) -> Message {
        var random = SplitMix64(seed: seed)
        let values = (0..<4 * height * width).map { _ in
            Int8(truncatingIfNeeded: random.next())
        }
        return .preview(
            Samples.lease,
            LatentPreview(
                step: 3, channels: 4, height: height, width: width, scale: 0.03, values: values))
    }

    @Test func everyValueSurvivesTheRoundTrip() throws {
        for (height, width) in [(1, 1), (1, 7), (7, 1), (64, 64)] {
            let message = Self.message(height, width, seed: UInt64(height))
            #expect(try decode(message.frame().encoded(), receiver: .coordinator) == message)
        }
        let watch = Message.watch(Samples.lease, intervalMilliseconds: 0)
        #expect(try decode(watch.frame().encoded(), receiver: .worker) == watch)
    }

    /// Behind the lease: step, channels, height, width, reserved, scale.
    @Test(
        arguments: [
            (16, 0), (20, 0), (20, 3), (20, 17), (22, 0), (22, 5), (24, 0), (24, 3), (26, 1),
            (31, 0xFF),
        ] as [(Int, UInt8)])
    func fieldsThatDoNotFitAreRefused(offset: Int, value: UInt8) throws {
        let message = Self.message(4, 4)
        var payload = message.frame(compressionLevel: nil).payload
        payload[offset] = value
        #expect(throws: WireError.self) {
            try decode(frame(message, payload: payload), receiver: .coordinator)
        }
    }

    @Test func anIntervalOfDaysIsRefused() throws {
        let message = Message.watch(Samples.lease, intervalMilliseconds: 60_001)
        #expect(throws: WireError.self) {
            try decode(message.frame().encoded(), receiver: .worker)
        }
    }

    /// 8 bits are within half a step of the latents.
    @Test func latentsAreRoundedToTheNearestValue() throws {
        let values: [Float] = [-4, 3.99, 0, 0.1, -0.02, 2, 1, -1]
        let latents = GeneratedLatents(channels: 4, height: 1, width: 2, values: values)
        let preview = try #require(LatentPreview(of: latents, step: 1))
        for (restored, value) in zip(preview.latents.values, values) {
            #expect(abs(restored - value) <= 4.0 / 127 / 2 * 1.0001)
        }
        var broken = latents
        broken.values[3] = .nan
        #expect(LatentPreview(of: broken, step: 1) == nil)
        broken.values[3] = .infinity
        #expect(LatentPreview(of: broken, step: 1) == nil)
        broken.values = Array(repeating: 0, count: 8)
        #expect(LatentPreview(of: broken, step: 1)?.latents == broken)
    }
}
