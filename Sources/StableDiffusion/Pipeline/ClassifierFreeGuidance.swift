// SPDX-License-Identifier: Apache-2.0

internal import GenerationTypes
internal import TensorKit

/// How the predictions without and with the prompt become one, as in diffusers'
/// `StableDiffusionPipeline`.
struct ClassifierFreeGuidance {
    private let scale: Float

    init(_ request: GenerationRequest) {
        scale = request.guidanceScale
    }

    /// ε = ε_uncond + s · (ε_text − ε_uncond), Ho and Salimans 2022, equation 6 with s = 1 + w.
    ///
    /// - Parameters:
    ///   - uncond: `[1, height, width, channels]`, f32.
    ///   - text: as `uncond`.
    ///   - prediction: channel-major, `[channels, height, width]`.
    func combine(uncond: Tensor, text: Tensor, into prediction: UnsafeMutableBufferPointer<Float>) {
        let channels = uncond.shape.channels
        let pixels = uncond.shape.tokenCount
        let (first, second) = (uncond.floats, text.floats)
        for channel in 0..<channels {
            for pixel in 0..<pixels {
                let source = pixel * channels + channel
                prediction[channel * pixels + pixel] =
                    first[source] + scale * (second[source] - first[source])
            }
        }
    }
}
