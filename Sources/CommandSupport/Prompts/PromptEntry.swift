// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Which seed to begin with.
package enum SeedChoice: Sendable, Equatable {
    /// Draw one; it is printed and recorded.
    case random
    /// Begin with this one.
    case fixed(UInt64)

    /// Reads a seed as the field's tools do: below 0 is random, everything else is itself.
    package init?(_ text: String) {
        if let seed = UInt64(text) {
            self = .fixed(seed)
        } else if text.hasPrefix("-"), let seed = Int64(text), seed < 0 {
            self = .random
        } else {
            return nil
        }
    }
}

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
