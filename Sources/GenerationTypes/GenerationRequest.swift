// SPDX-License-Identifier: Apache-2.0

/// Everything that decides one picture, except the model.
///
/// An image is a pure function of its request and the model: two workers given equal requests
/// return equal latents. Sizes are in pixels.
public struct GenerationRequest: Sendable, Hashable {
    /// What the picture shows.
    public var prompt: String
    /// What it must not show (used only when guidance is on); empty for none.
    public var negativePrompt: String
    /// Seed of the initial noise, as `torch.Generator().manual_seed(seed)`.
    public var seed: UInt64
    /// Picture width in pixels; a multiple of the model's granularity.
    public var width: Int
    /// Picture height in pixels; a multiple of the model's granularity.
    public var height: Int
    /// Number of denoising steps, diffusers' `num_inference_steps`.
    public var inferenceStepCount: Int
    /// Classifier-free guidance scale; guidance is on only above 1.
    public var guidanceScale: Float
    /// How far guided predictions get the spread of the prompt's own back, 0…1.
    ///
    /// diffusers' `guidance_rescale`; φ in equation 16 of Lin et al. 2023, arXiv 2305.08891.
    public var guidanceRescale: Float = 0
    /// The solver of the reverse process.
    public var samplingMethod: SamplingMethod
    /// How the noise levels are spaced; `modelDefault` follows the model's scheduler configuration.
    public var sigmaSchedule: SigmaSchedule
    /// Share of the noise that is drawn anew, 0…1: DDIM's η, TCD's γ; others don't read it.
    public var eta: Float
    /// After the first five steps one in so many calls the U-Net, the others forecast its output from
    /// the last two calls (`ForecastSchedule`); 1 forecasts nothing.
    public var forecastInterval: Int = 1
    /// Layers of the text encoder left out at its end, counted as A1111 does (1 = none left out);
    /// `nil` follows the model's configuration.
    public var clipSkip: Int?
    /// Which tokens of the U-Net merge.
    public var tokenMerging: TokenMergeConfiguration

    /// Makes a request; every parameter but the prompt, the seed and the size has diffusers'
    /// default, η the sampler's, and tokens merge as they do on the command line.
    public init(
        prompt: String, negativePrompt: String = "", seed: UInt64, width: Int, height: Int,
        inferenceStepCount: Int = 25, guidanceScale: Float = 7.5,
        samplingMethod: SamplingMethod = .ddim, sigmaSchedule: SigmaSchedule = .modelDefault,
        eta: Float? = nil, clipSkip: Int? = nil,
        tokenMerging: TokenMergeConfiguration = TokenMergeConfiguration()
    ) {
        self.prompt = prompt
        self.negativePrompt = negativePrompt
        self.seed = seed
        self.width = width
        self.height = height
        self.inferenceStepCount = inferenceStepCount
        self.guidanceScale = guidanceScale
        self.samplingMethod = samplingMethod
        self.sigmaSchedule = sigmaSchedule
        self.eta = eta ?? samplingMethod.standardEta
        self.clipSkip = clipSkip
        self.tokenMerging = tokenMerging
    }

    /// Whether the U-Net runs on both halves; the one definition of it, as in diffusers: `> 1`.
    public var usesClassifierFreeGuidance: Bool { guidanceScale > 1 }
}
