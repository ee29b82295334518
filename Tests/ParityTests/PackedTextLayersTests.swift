// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import Testing

/// When the layers of a text encoder stay packed.
@Suite struct PackedTextLayersTests {
    private func stay(
        after encodings: Int, calls: Int, byteCount: Int = 1 << 20, available: Int? = 1 << 30
    ) -> Bool {
        PackedTextLayers.stay(
            earlierEncodings: encodings, callCount: calls, byteCount: byteCount,
            available: available)
    }

    @Test func afterTheFirstOfManySteps() {
        #expect(!stay(after: 0, calls: 25))
        #expect(stay(after: 1, calls: 25))
        #expect(stay(after: 900, calls: 1))
    }

    @Test func atOnceForFewSteps() {
        #expect(stay(after: 0, calls: 1))
        #expect(stay(after: 0, calls: PackedTextLayers.fewCallsMax))
        #expect(!stay(after: 0, calls: PackedTextLayers.fewCallsMax + 1))
    }

    @Test func notWhereMemoryIsShort() {
        #expect(stay(after: 1, calls: 4, byteCount: 100, available: 400))
        #expect(!stay(after: 1, calls: 4, byteCount: 101, available: 400))
        #expect(stay(after: 1, calls: 4, byteCount: 1 << 40, available: nil))
    }
}
