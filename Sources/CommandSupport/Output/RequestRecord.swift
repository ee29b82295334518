// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A request in JSON, by the names of A1111's txt2img: a line of a prompt file as well as a part of
/// the report and of a picture's `retom` text.
package struct RequestRecord: Sendable, Equatable, Codable {
    /// The request.
    package var request: GenerationRequest

    /// Wraps a request.
    package init(_ request: GenerationRequest) { self.request = request }

    private enum CodingKeys: String, CodingKey {
        case prompt, seed, width, height, steps, scheduler, eta
        case negativePrompt = "negative_prompt"
        case cfgScale = "cfg_scale"
        case samplerName = "sampler_name"
        case clipSkip = "clip_skip"
        case tokenMerging = "token_merging"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        request = GenerationRequest(
            prompt: try values.decode(String.self, forKey: .prompt),
            negativePrompt: try values.decodeIfPresent(String.self, forKey: .negativePrompt) ?? "",
            seed: try values.decode(UInt64.self, forKey: .seed),
            width: try values.decode(Int.self, forKey: .width),
            height: try values.decode(Int.self, forKey: .height),
            inferenceStepCount: try values.decode(Int.self, forKey: .steps),
            guidanceScale: try values.decode(Float.self, forKey: .cfgScale),
            samplingMethod: try values.decode(SamplingMethod.self, forKey: .samplerName),
            sigmaSchedule: try values.decode(SigmaSchedule.self, forKey: .scheduler),
            eta: try values.decodeIfPresent(Float.self, forKey: .eta),
            clipSkip: try values.decodeIfPresent(Int.self, forKey: .clipSkip),
            tokenMerging: try values.decode(
                TokenMergeConfiguration.self, forKey: .tokenMerging))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(request.prompt, forKey: .prompt)
        try values.encode(request.negativePrompt, forKey: .negativePrompt)
        try values.encode(request.seed, forKey: .seed)
        try values.encode(request.width, forKey: .width)
        try values.encode(request.height, forKey: .height)
        try values.encode(request.inferenceStepCount, forKey: .steps)
        try values.encode(request.guidanceScale, forKey: .cfgScale)
        try values.encode(request.samplingMethod, forKey: .samplerName)
        try values.encode(request.sigmaSchedule, forKey: .scheduler)
        try values.encode(request.eta, forKey: .eta)
        try values.encodeIfPresent(request.clipSkip, forKey: .clipSkip)
        // Also where nothing merges: a prompt line without it merges as the run does.
        try values.encode(request.tokenMerging, forKey: .tokenMerging)
    }
}
