// SPDX-License-Identifier: Apache-2.0

import Glibc
package import TensorKit

/// diffusers' `AutoencoderTiny`, the decoding half: TAESD, a small decoder distilled from a VAE's.
///
/// No norms, so that every line of the picture depends on a few lines of latents alone: bands are
/// made one by one through all layers.
package final class AutoencoderTiny: AutoencoderDecoding {
    /// What it was built from.
    package let configuration: AutoencoderTinyConfiguration
    private let decoder: DecoderTiny
    private let activationType: ElementType

    /// Builds all layers; the configuration has been validated.
    package init(_ configuration: AutoencoderTinyConfiguration, loader: WeightLoader) throws {
        self.configuration = configuration
        activationType = loader.activationType
        decoder = try DecoderTiny(configuration, loader: loader.scoped("decoder"))
    }

    package var latentChannels: Int { configuration.latentChannels }
    package var scaleFactor: Int { configuration.scaleFactor }
    package var levelCount: Int { decoder.levelCount }

    package func outputShape(for latents: TensorShape) -> TensorShape {
        TensorShape(
            batch: latents.batch, height: scaleFactor * latents.height,
            width: scaleFactor * latents.width, channels: configuration.outputChannels)
    }

    package func decode(
        _ latents: Tensor, into image: Tensor, plan: DecodingPlan, lane: ComputeLane,
        observer: ActivationObserver? = nil
    ) {
        precondition(image.shape == outputShape(for: latents.shape), "\(image.shape)")
        // Its convolutions do not say how many pixels they have, because every band makes the lines
        // around it anew, for each of many layers: a greater tile would make more of them.
        let pass = DecoderPass(
            lane: lane, plan: plan, lineGrain: WinogradTile.greatestOfUnknownSize.lineCount)
        for item in 0..<latents.shape.batch {
            lane.workspace.scope {
                let input = PaddedMap(
                    latents.batch(item..<item + 1).shape, activationType, pass: pass)
                clamp(latents.batch(item..<item + 1), into: input.map, lane: lane)
                decoder.forward(
                    input, into: image.batch(item..<item + 1), pass: pass, observer: observer)
            }
        }
    }

    /// `3 · tanh(x / 3)`: the few latents far out are what a decoder was not trained on.
    private func clamp(_ latents: Tensor, into input: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let clamped = lane.workspace.tensor(latents.shape, .float32)
            if !lane.isMeasuring {
                let channels = latents.shape.channels
                for row in 0..<latents.shape.rowCount {
                    for channel in 0..<channels {
                        let value = latents.floats[row * latents.rowStride + channel]
                        clamped.floats[row * channels + channel] =
                            tanhf(value / configuration.scalingFactor / 3) * 3
                    }
                }
            }
            lane.copy(clamped, into: input)
        }
    }
}
