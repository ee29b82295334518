// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What a run's pictures share unless a prompt says otherwise.
package struct GenerationSettings: Sendable, Equatable {
    /// What pictures must not show.
    package var negativePrompt: String
    /// Picture width in pixels.
    package var width: Int
    /// Picture height in pixels.
    package var height: Int
    /// Denoising steps.
    package var inferenceStepCount: Int
    /// Classifier-free guidance scale.
    package var guidanceScale: Float
    /// The solver.
    package var samplingMethod: SamplingMethod
    /// How noise levels are spaced.
    package var sigmaSchedule: SigmaSchedule
    /// η; `nil` means the sampler's own.
    package var eta: Float?
    /// Text encoder layers left out, as A1111 counts.
    package var clipSkip: Int?
    /// Which tokens merge.
    package var tokenMerging: TokenMergeConfiguration

    /// Makes settings; all but the size default to `GenerationRequest`'s defaults.
    package init(
        negativePrompt: String = "", width: Int, height: Int, inferenceStepCount: Int = 25,
        guidanceScale: Float = 7.5, samplingMethod: SamplingMethod = .ddim,
        sigmaSchedule: SigmaSchedule = .modelDefault, eta: Float? = nil, clipSkip: Int? = nil,
        tokenMerging: TokenMergeConfiguration = TokenMergeConfiguration()
    ) {
        self.negativePrompt = negativePrompt
        self.width = width
        self.height = height
        self.inferenceStepCount = inferenceStepCount
        self.guidanceScale = guidanceScale
        self.samplingMethod = samplingMethod
        self.sigmaSchedule = sigmaSchedule
        self.eta = eta
        self.clipSkip = clipSkip
        self.tokenMerging = tokenMerging
    }
}
