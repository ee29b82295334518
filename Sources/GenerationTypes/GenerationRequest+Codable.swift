// SPDX-License-Identifier: Apache-2.0

/// A request's one JSON, by the names of A1111's txt2img: a line of a prompt file, a row of
/// `run.sqlite`, a part of `report.json` and of a picture's `retom` text.
///
/// What is absent has its default, so that records of earlier versions can be read. A new key is
/// written only where its value is not the default: then versions that do not know it refuse exactly
/// the requests that they would get wrong (`refusesUnknownKeys`).
extension GenerationRequest: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case prompt, seed, width, height, steps, scheduler, eta, forecast
        case negativePrompt = "negative_prompt"
        case cfgScale = "cfg_scale"
        case guidanceRescale = "guidance_rescale"
        case samplerName = "sampler_name"
        case clipSkip = "clip_skip"
        case tokenMerging = "token_merging"
    }

    /// Reads a request.
    ///
    /// - Throws: `DecodingError`, `TokenMergeConfigurationError`, and `UnknownRequestKeyError` where
    ///   the decoder refuses unknown keys.
    public init(from decoder: any Decoder) throws {
        if decoder.refusesUnknownKeys { try Self.checkKeys(decoder) }
        let values = try decoder.container(keyedBy: Key.self)
        self.init(
            prompt: try values.decode(String.self, forKey: .prompt),
            seed: try values.decode(UInt64.self, forKey: .seed),
            width: try values.decode(Int.self, forKey: .width),
            height: try values.decode(Int.self, forKey: .height),
            samplingMethod: try values.decodeIfPresent(SamplingMethod.self, forKey: .samplerName)
                ?? .ddim)
        try values.read(.negativePrompt, into: &negativePrompt)
        try values.read(.steps, into: &inferenceStepCount)
        try values.read(.cfgScale, into: &guidanceScale)
        try values.read(.guidanceRescale, into: &guidanceRescale)
        try values.read(.scheduler, into: &sigmaSchedule)
        try values.read(.eta, into: &eta)
        try values.read(.forecast, into: &forecastInterval)
        clipSkip = try values.decodeIfPresent(Int.self, forKey: .clipSkip)
        try values.read(.tokenMerging, into: &tokenMerging)
    }

    /// Writes every value in force; a clip skip that follows the model, a guidance that is not rescaled
    /// and steps that are not forecast stay out.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(prompt, forKey: .prompt)
        try values.encode(negativePrompt, forKey: .negativePrompt)
        try values.encode(seed, forKey: .seed)
        try values.encode(width, forKey: .width)
        try values.encode(height, forKey: .height)
        try values.encode(inferenceStepCount, forKey: .steps)
        try values.encode(guidanceScale, forKey: .cfgScale)
        if guidanceRescale != 0 { try values.encode(guidanceRescale, forKey: .guidanceRescale) }
        try values.encode(samplingMethod, forKey: .samplerName)
        try values.encode(sigmaSchedule, forKey: .scheduler)
        try values.encode(eta, forKey: .eta)
        if forecastInterval != 1 { try values.encode(forecastInterval, forKey: .forecast) }
        try values.encodeIfPresent(clipSkip, forKey: .clipSkip)
        // Also where nothing merges: a prompt line without it merges as the run does.
        try values.encode(tokenMerging, forKey: .tokenMerging)
    }

    private static func checkKeys(_ decoder: any Decoder) throws {
        try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
            .refuseUnknown(Key.allCases.map(\.rawValue))
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// A stored request with a setting that this version does not know.
package struct UnknownRequestKeyError: Error, Equatable {
    /// The setting's key.
    package let key: String

    /// Names a setting.
    package init(key: String) { self.key = key }
}

extension CodingUserInfoKey {
    /// Set to `true`, a request with a key that this version does not know is an error.
    package static let refusesUnknownKeys = CodingUserInfoKey(rawValue: "refusesUnknownKeys")!
}

extension Decoder {
    /// Whether a key that this version does not know is an error.
    var refusesUnknownKeys: Bool { userInfo[.refusesUnknownKeys] as? Bool == true }
}

extension [String] {
    /// Checks the keys of an object.
    ///
    /// - Parameter place: what stands before a key in the error.
    /// - Throws: `UnknownRequestKeyError` for the first one, in alphabetical order, that is not known.
    func refuseUnknown(_ known: [String], _ place: String = "") throws {
        if let key = sorted().first(where: { !known.contains($0) }) {
            throw UnknownRequestKeyError(key: place + key)
        }
    }
}

extension KeyedDecodingContainer {
    /// Reads a value; an absent one keeps its default.
    fileprivate func read<Value: Decodable>(_ key: Key, into value: inout Value) throws {
        if let found = try decodeIfPresent(Value.self, forKey: key) { value = found }
    }
}
