// SPDX-License-Identifier: Apache-2.0

import RunService
import Testing

/// Who decodes where nobody said.
@Suite struct DecodePlaceTests {
    private func place(sampling: Double, decoding: Double, workers: Int = 1) -> DecodePlace {
        .automatic(samplingFLOPs: sampling, decodingFLOPs: decoding, workerCount: workers)
    }

    /// Stable Diffusion 1.5 at 512², in TFLOP: 0.80 per half and call, 2.51 for the VAE, 0.14 for
    /// TAESD.
    @Test func whatOutweighsDecides() {
        #expect(place(sampling: 40, decoding: 2.51) == .coordinator)
        #expect(place(sampling: 3.2, decoding: 2.51) == .coordinator)
        #expect(place(sampling: 0.8, decoding: 2.51) == .workers)
        #expect(place(sampling: 0.8, decoding: 0.14) == .coordinator)
    }

    @Test func manyWorkersOutrunOneDecoder() {
        #expect(place(sampling: 40, decoding: 2.51, workers: 15) == .coordinator)
        #expect(place(sampling: 40, decoding: 2.51, workers: 16) == .workers)
        #expect(place(sampling: 0.8, decoding: 0.14, workers: 6) == .workers)
    }

    @Test func withoutWorkersOrImages() {
        #expect(place(sampling: 0, decoding: 0, workers: 0) == .coordinator)
        #expect(place(sampling: 1, decoding: 2, workers: 0) == .workers)
    }
}
