// SPDX-License-Identifier: Apache-2.0

/// Upper bounds on what a request may ask for; the wire protocol and the command line share them.
public enum GenerationLimits {
    /// Longest prompt, in UTF-8 bytes.
    public static let promptByteCountMax = 64 * 1024
    /// Longest side of a picture, in pixels.
    public static let sideMax = 4096
    /// Shortest side of a picture, in pixels.
    public static let sideMin = 8
    /// Most denoising steps.
    public static let inferenceStepCountMax = 1000
    /// Most steps per call of the U-Net where steps are forecast.
    public static let forecastIntervalMax = 4
    /// Largest guidance scale.
    public static let guidanceScaleMax: Float = 1000
    /// Most images in one run.
    public static let imageCountMax = 1_000_000
}
