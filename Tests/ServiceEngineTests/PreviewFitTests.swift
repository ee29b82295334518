// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Logging
import ServiceEngine
import TestSupport
import Testing

/// Pictures of latents without their VAE.
@Suite struct PreviewFitTests {
    private static let side = 16
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func latents(seed: UInt64) -> GeneratedLatents {
        var random = SplitMix64(seed: seed)
        let values = (0..<4 * side * side).map { _ in
            Float(Int8(truncatingIfNeeded: random.next())) / 64
        }
        return GeneratedLatents(channels: 4, height: side, width: side, values: values)
    }

    /// What a VAE without nonlinearity makes of latents: each colour mixes two channels with the
    /// latent below; 8 × 8 pixels are alike.
    private static func picture(of latents: GeneratedLatents, scale: Int = 8) -> RGBImage {
        var bytes: [UInt8] = []
        for row in 0..<scale * side {
            for column in 0..<scale * side {
                func latent(_ channel: Int, _ offset: Int) -> Float {
                    let y = min(row / scale + offset, side - 1)
                    return latents.values[(channel * side + y) * side + column / scale]
                }
                for colour in 0..<3 {
                    let level = 0.2 * latent(colour, 0) - 0.1 * latent(3, 1) + 0.1
                    bytes.append(UInt8(max(0, min(255, (level + 1) * 127.5)).rounded()))
                }
            }
        }
        return RGBImage(width: scale * side, height: scale * side, bytes: bytes)
    }

    private static func error(_ factors: PreviewFactors, seed: UInt64) -> Int {
        let latents = latents(seed: seed)
        let wanted = picture(of: latents, scale: 1)
        let shown = factors.picture(of: latents)
        return zip(wanted.bytes, shown.bytes).map { abs(Int($0) - Int($1)) }.max() ?? 255
    }

    @Test func theMapIsFoundFromPictures() {
        var fit = PreviewFit(channels: 4)
        #expect(Self.error(fit.factors, seed: 99) > 50)
        for seed in 0..<UInt64(PreviewFit.pictureCountMax) {
            #expect(!fit.isComplete)
            let latents = Self.latents(seed: seed)
            fit.add(latents, Self.picture(of: latents))
            // The prior weighs little already.
            #expect(Self.error(fit.factors, seed: 99) <= 8)
        }
        #expect(fit.isComplete)
        #expect(Self.error(fit.factors, seed: 99) <= 2)
    }

    @Test func picturesOfAnotherSizeTeachNothing() {
        var fit = PreviewFit(channels: 4)
        let latents = Self.latents(seed: 1)
        let odd = RGBImage(width: 20, height: 20, bytes: Array(repeating: 0, count: 1200))
        fit.add(latents, odd)
        var broken = latents
        broken.values[7] = .nan
        fit.add(broken, Self.picture(of: latents))
        #expect(fit.pictureCount == 0)
    }

    /// Without a picture, latents of 0 are grey, and the first channel is light.
    @Test func constantsServeUntilThen() {
        let factors = PreviewFactors(channels: 4)
        var latents = GeneratedLatents(
            channels: 4, height: 2, width: 2, values: Array(repeating: 0, count: 16))
        #expect(factors.picture(of: latents).bytes == Array(repeating: 128, count: 12))
        for index in 0..<4 { latents.values[index] = 2 }
        #expect(factors.picture(of: latents).bytes.allSatisfy { $0 > 170 })
    }

    @Test func factorsAreKeptByTheirVAE() throws {
        let directory = try TemporaryDirectory()
        func painter(_ vae: String) -> PreviewPainter {
            PreviewPainter(
                directory: directory.path, vae: vae, channels: 4, logger: Self.logger)
        }
        let latents = Self.latents(seed: 50)
        let first = painter("a")
        let untaught = first.picture(of: latents)
        for seed in 0..<UInt64(PreviewFit.pictureCountMax) {
            let example = Self.latents(seed: seed)
            first.learn(example, Self.picture(of: example))
        }
        let taught = first.picture(of: latents)
        #expect(taught != untaught)
        #expect(painter("a").picture(of: latents) == taught)
        #expect(painter("b").picture(of: latents) == untaught)
        let other = GeneratedLatents(channels: 1, height: 1, width: 1, values: [0])
        #expect(first.picture(of: other) == nil)
        // Whatever the file has become, they are learnt again.
        for damage in ["", "{}", #"{"vae":"a","factors":{"channels":4,"weights":[1]}}"#] {
            try directory.write(damage, to: "preview-factors.json")
            #expect(painter("a").picture(of: latents) == untaught)
        }
    }
}
