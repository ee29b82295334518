// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What a run, or one of its prompts, asks for; `nil` leaves a setting open.
package struct GenerationSettings: Sendable, Equatable {
    /// What pictures must not show.
    package var negativePrompt: String?
    /// Picture width in pixels.
    package var width: Int?
    /// Picture height in pixels.
    package var height: Int?
    /// Denoising steps.
    package var inferenceStepCount: Int?
    /// Classifier-free guidance scale.
    package var guidanceScale: Float?
    /// How far guidance gets the prompt's own spread back.
    package var guidanceRescale: Float?
    /// The solver.
    package var samplingMethod: SamplingMethod?
    /// How noise levels are spaced.
    package var sigmaSchedule: SigmaSchedule?
    /// Share of fresh noise; open, it is the sampler's own.
    package var eta: Float?
    /// Steps per call of the U-Net after the first ones.
    package var forecastInterval: Int?
    /// The same where it is open and the sampler's outputs can be forecast.
    package var forecastIfSound: Int?
    /// Text encoder layers left out, as A1111 counts.
    package var clipSkip: Int?
    /// Which tokens merge.
    package var tokenMerging: TokenMergeConfiguration?
    /// The same with another ratio.
    package var tokenMergingRatio: Double?

    /// Makes settings that leave everything open.
    package init() {}

    /// Makes settings that decide the size.
    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// These settings; what they leave open is as in others.
    package func filled(from others: GenerationSettings) -> GenerationSettings {
        var result = others
        func fill<Value>(_ setting: WritableKeyPath<GenerationSettings, Value?>) {
            if let own = self[keyPath: setting] { result[keyPath: setting] = own }
        }
        fill(\.negativePrompt)
        fill(\.width)
        fill(\.height)
        fill(\.inferenceStepCount)
        fill(\.guidanceScale)
        fill(\.guidanceRescale)
        fill(\.samplingMethod)
        fill(\.sigmaSchedule)
        fill(\.eta)
        fill(\.forecastInterval)
        fill(\.forecastIfSound)
        fill(\.clipSkip)
        fill(\.tokenMerging)
        fill(\.tokenMergingRatio)
        return result
    }

    /// The request of one image; what is still open has `GenerationRequest`'s default.
    ///
    /// - Precondition: the size is decided.
    package func request(prompt: String, seed: UInt64) -> GenerationRequest {
        guard let width, let height else { preconditionFailure("a request without a size") }
        var request = GenerationRequest(
            prompt: prompt, seed: seed, width: width, height: height,
            samplingMethod: samplingMethod ?? .ddim, eta: eta, clipSkip: clipSkip)
        if let negativePrompt { request.negativePrompt = negativePrompt }
        if let inferenceStepCount { request.inferenceStepCount = inferenceStepCount }
        if let guidanceScale { request.guidanceScale = guidanceScale }
        if let guidanceRescale { request.guidanceRescale = guidanceRescale }
        if let sigmaSchedule { request.sigmaSchedule = sigmaSchedule }
        if let forecastInterval { request.forecastInterval = forecastInterval }
        if let tokenMerging { request.tokenMerging = tokenMerging }
        if let tokenMergingRatio { request.tokenMerging.setRatio(tokenMergingRatio) }
        if forecastInterval == nil, let forecastIfSound {
            let every = request.forecastInterval
            request.forecastInterval = forecastIfSound
            if (try? request.validate()) == nil { request.forecastInterval = every }
        }
        return request
    }
}

extension TokenMergeConfiguration {
    /// A ratio alone changes what is on, or switches the default on.
    fileprivate mutating func setRatio(_ ratio: Double) {
        if !isOn, ratio > 0 { self = TokenMergeConfiguration() }
        self.ratio = ratio
    }
}
