// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// One prompt with the settings that only it has.
package struct PromptEntry: Sendable, Equatable {
    /// Where the prompt comes from, as a person would look for it: `prompts.txt:3` or `-p 2`.
    package var origin: String
    /// What the picture shows.
    package var prompt: String
    /// Own settings; `nil` means the run's.
    package var negativePrompt: String?
    /// Seed of this prompt's first image; `nil` numbers it with the run.
    package var seed: SeedChoice?
    /// Picture width in pixels.
    package var width: Int?
    /// Picture height in pixels.
    package var height: Int?
    /// Denoising steps.
    package var inferenceStepCount: Int?
    /// Classifier-free guidance scale.
    package var guidanceScale: Float?
    /// The solver.
    package var samplingMethod: SamplingMethod?
    /// How noise levels are spaced.
    package var sigmaSchedule: SigmaSchedule?
    /// η of DDIM or TCD.
    package var eta: Float?
    /// Text encoder layers left out, as A1111 counts.
    package var clipSkip: Int?
    /// Which tokens merge.
    package var tokenMerging: TokenMergeConfiguration?
    /// The same with another ratio.
    package var tokenMergingRatio: Double?
    /// Images of this prompt; `nil` means the run's `-b`.
    package var imageCount: Int?

    /// Makes an entry that leaves every setting to the run.
    package init(prompt: String, origin: String) {
        self.prompt = prompt
        self.origin = origin
    }

    /// The request of one image of this prompt.
    package func request(settings: GenerationSettings, seed: UInt64) -> GenerationRequest {
        GenerationRequest(
            prompt: prompt, negativePrompt: negativePrompt ?? settings.negativePrompt, seed: seed,
            width: width ?? settings.width, height: height ?? settings.height,
            inferenceStepCount: inferenceStepCount ?? settings.inferenceStepCount,
            guidanceScale: guidanceScale ?? settings.guidanceScale,
            samplingMethod: samplingMethod ?? settings.samplingMethod,
            sigmaSchedule: sigmaSchedule ?? settings.sigmaSchedule, eta: eta ?? settings.eta,
            clipSkip: clipSkip ?? settings.clipSkip, tokenMerging: merging(settings))
    }

    /// A ratio alone changes the run's merging, or switches the default on.
    private func merging(_ settings: GenerationSettings) -> TokenMergeConfiguration {
        var merging = tokenMerging ?? settings.tokenMerging
        guard let tokenMergingRatio else { return merging }
        if !merging.isOn, tokenMergingRatio > 0 {
            merging = TokenMergeConfiguration()
        }
        merging.ratio = tokenMergingRatio
        return merging
    }
}
