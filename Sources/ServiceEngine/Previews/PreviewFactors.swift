// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A picture of latents without their VAE, one pixel per latent: each colour is a weighted sum of the
/// nearest 3 × 3 latents of every channel.
///
/// On the embedded VAE, 3 × 3 latents give 23 dB to the picture at that size, one 21 dB, and the
/// constants in use for Stable Diffusion 1.5 10 dB.
package struct PreviewFactors: Sendable, Equatable, Codable {
    /// Latents around one, itself included.
    static let neighbourCount = 9

    /// Latent channels.
    package let channels: Int
    /// Three colours of `9 · channels + 1` weights each.
    ///
    /// They are by channel, row and column, then the constant; colours are from -1 to 1.
    package let weights: [Float]

    /// Weights of one colour.
    var termCount: Int { Self.termCount(channels: channels) }

    static func termCount(channels: Int) -> Int { neighbourCount * channels + 1 }

    /// Wraps weights.
    ///
    /// - Precondition: there are `3 · (9 · channels + 1)`.
    init(channels: Int, weights: [Float]) {
        precondition(weights.count == 3 * Self.termCount(channels: channels))
        self.channels = channels
        self.weights = weights
    }

    /// What is known before the first picture: the constants that are in use for the VAE of Stable
    /// Diffusion 1.x, of each latent alone; grey for VAEs of other channels.
    package init(channels: Int) {
        let known: [[Float]] = [
            [0.298, 0.187, -0.158, -0.184], [0.207, 0.286, 0.189, -0.271],
            [0.208, 0.173, 0.264, -0.473],
        ]
        let count = Self.termCount(channels: channels)
        var weights = [Float](repeating: 0, count: 3 * count)
        if channels == known[0].count {
            for (colour, factors) in known.enumerated() {
                for (channel, factor) in factors.enumerated() {
                    weights[colour * count + channel * Self.neighbourCount + 4] = factor
                }
            }
        }
        self.init(channels: channels, weights: weights)
    }

    /// Whether they are for latents of some channels, and finite: what a file says may be anything.
    package func fits(channels: Int) -> Bool {
        self.channels == channels && weights.count == 3 * Self.termCount(channels: channels)
            && weights.allSatisfy(\.isFinite)
    }

    /// Shows latents.
    ///
    /// - Precondition: they have `channels` channels.
    package func picture(of latents: GeneratedLatents) -> RGBImage {
        precondition(latents.channels == channels)
        var bytes = [UInt8](repeating: 0, count: 3 * latents.height * latents.width)
        var terms = [Float](repeating: 1, count: termCount)
        for row in 0..<latents.height {
            for column in 0..<latents.width {
                Self.gather(latents, row, column, into: &terms)
                for colour in 0..<3 {
                    var sum: Float = 0
                    for index in terms.indices {
                        sum += weights[colour * terms.count + index] * terms[index]
                    }
                    let level = max(0, min(255, (sum + 1) * 127.5))
                    bytes[3 * (row * latents.width + column) + colour] = UInt8(level.rounded())
                }
            }
        }
        return RGBImage(width: latents.width, height: latents.height, bytes: bytes)
    }

    /// The latents around one, with those of the edge repeated, and 1.
    static func gather(
        _ latents: GeneratedLatents, _ row: Int, _ column: Int, into terms: inout [Float]
    ) {
        let (height, width) = (latents.height, latents.width)
        var index = 0
        for channel in 0..<latents.channels {
            for rowOffset in -1...1 {
                let y = min(max(row + rowOffset, 0), height - 1)
                for columnOffset in -1...1 {
                    let x = min(max(column + columnOffset, 0), width - 1)
                    terms[index] = latents.values[(channel * height + y) * width + x]
                    index += 1
                }
            }
        }
    }
}
