// SPDX-License-Identifier: Apache-2.0

/// The result of sampling one image: unscaled latents exactly as diffusers returns them for
/// `output_type="latent"`, `[1, channels, height, width]` (NCHW, as the field stores them), f32.
public struct GeneratedLatents: Sendable, Equatable {
    /// Latent channels (4 for Stable Diffusion).
    public var channels: Int
    /// Latent rows: picture height / 8.
    public var height: Int
    /// Latent columns: picture width / 8.
    public var width: Int
    /// `channels · height · width` values, channel-major.
    public var values: [Float]

    /// Wraps values; the count must be `channels · height · width`.
    public init(channels: Int, height: Int, width: Int, values: [Float]) {
        precondition(
            values.count == channels * height * width,
            "\(values.count) values for \(channels)×\(height)×\(width) latents")
        self.channels = channels
        self.height = height
        self.width = width
        self.values = values
    }
}

/// Where the time of one image went, in seconds.
public struct GenerationTimings: Sendable, Equatable, Codable {
    /// Text encoding; 0 when both prompts were cached.
    public var textEncodingSeconds: Double
    /// All denoising steps.
    public var samplingSeconds: Double

    /// Makes a record of both times.
    public init(textEncodingSeconds: Double = 0, samplingSeconds: Double = 0) {
        self.textEncodingSeconds = textEncodingSeconds
        self.samplingSeconds = samplingSeconds
    }

    /// Both times.
    public var totalSeconds: Double { textEncodingSeconds + samplingSeconds }
}
