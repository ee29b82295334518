// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit

/// How the predictions without and with the prompt become one, as in diffusers'
/// `StableDiffusionPipeline`.
struct ClassifierFreeGuidance {
    private let scale: Float
    private let rescale: Float

    init(_ request: GenerationRequest) {
        scale = request.guidanceScale
        rescale = request.guidanceRescale
    }

    /// ε = ε_uncond + s · (ε_text − ε_uncond), Ho and Salimans 2022, equation 6 with s = 1 + w; then
    /// φ · ε · σ(ε_text) / σ(ε) + (1 − φ) · ε, diffusers' `rescale_noise_cfg`, where φ is not 0.
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
        guard rescale != 0 else { return }
        let text = UnsafeBufferPointer(start: second, count: prediction.count)
        let factor = text.standardDeviation / UnsafeBufferPointer(prediction).standardDeviation
        // Of a prediction without any spread nothing is left to rescale.
        guard factor.isFinite else { return }
        let share = rescale * factor + (1 - rescale)
        for index in prediction.indices { prediction[index] *= share }
    }
}

extension UnsafeBufferPointer<Float> {
    /// Of a sample, as `torch.std` has it, summed in f64.
    fileprivate var standardDeviation: Float {
        let mean = reduce(0.0) { $0 + Double($1) } / Double(count)
        let squares = reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return Float((squares / Double(count - 1)).squareRoot())
    }
}
