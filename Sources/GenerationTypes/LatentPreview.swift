// SPDX-License-Identifier: Apache-2.0

/// What an image may become, as far as its steps show: an estimate of its finished latents in 8 bits,
/// enough for a small picture.
public struct LatentPreview: Sendable, Equatable {
    /// Steps done when it was estimated.
    public var step: Int
    /// Latent channels.
    public var channels: Int
    /// Latent rows.
    public var height: Int
    /// Latent columns.
    public var width: Int
    /// The unscaled latents that one unit of `values` stands for.
    public var scale: Float
    /// `channels · height · width` values, channel-major.
    public var values: [Int8]

    /// Wraps values; the count must be `channels · height · width`.
    public init(
        step: Int, channels: Int, height: Int, width: Int, scale: Float, values: [Int8]
    ) {
        precondition(
            values.count == channels * height * width,
            "\(values.count) values for a preview of \(channels)×\(height)×\(width)")
        self.step = step
        self.channels = channels
        self.height = height
        self.width = width
        self.scale = scale
        self.values = values
    }

    /// Rounds latents, symmetrically around 0.
    ///
    /// - Returns: `nil` if a value is not finite.
    public init?(of latents: GeneratedLatents, step: Int) {
        let largest = latents.values.reduce(Float(0)) { max($0, abs($1)) }
        guard largest.isFinite, latents.values.allSatisfy(\.isFinite) else { return nil }
        let scale = max(largest / 127, .leastNormalMagnitude)
        self.init(
            step: step, channels: latents.channels, height: latents.height,
            width: latents.width, scale: scale,
            values: latents.values.map { Int8(max(-127, min(127, ($0 / scale).rounded()))) })
    }

    /// The estimate in full numbers.
    public var latents: GeneratedLatents {
        GeneratedLatents(
            channels: channels, height: height, width: width,
            values: values.map { Float($0) * scale })
    }
}
