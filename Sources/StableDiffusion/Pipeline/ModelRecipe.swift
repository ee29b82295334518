// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A model's sampling defaults, for settings that the request leaves open.
package struct ModelRecipe: Sendable, Equatable {
    /// The sampler.
    package var samplingMethod = SamplingMethod.ddim
    /// Denoising steps.
    package var inferenceStepCount = 25
    /// Guidance scale.
    package var guidanceScale: Float = 7.5

    /// The program's own defaults.
    package init() {}

    /// A pipeline's defaults: for latent consistency the defaults of diffusers'
    /// `LatentConsistencyModelPipeline`, whose steps other samplers cannot take.
    package init(_ pipeline: ModelIndex.Pipeline) {
        guard pipeline == .latentConsistency else { return }
        samplingMethod = .lcm
        inferenceStepCount = 4
        guidanceScale = 8.5
    }
}
