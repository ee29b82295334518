// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes

/// `retom.json` in a model's directory: sampling defaults that no other file of a model can say.
///
/// Settings have the names of prompt files: `{"sampler_name": "DPM++ 2M Karras", "steps": 16}`. The
/// file decides no picture by itself, so it has no part in the model's digests.
package struct ModelDefaults: Sendable, Equatable {
    /// The sampler.
    package var samplingMethod: SamplingMethod?
    /// How noise levels are spaced.
    package var sigmaSchedule: SigmaSchedule?
    /// Denoising steps.
    package var inferenceStepCount: Int?
    /// Guidance scale.
    package var guidanceScale: Float?

    /// Its name in the directory.
    package static let fileName = "retom.json"

    /// Nothing set.
    package init() {}
}

extension ModelDefaults: ComponentConfiguration {
    private enum Key: String, CodingKey, CaseIterable {
        case samplerName = "sampler_name"
        case scheduler, steps
        case cfgScale = "cfg_scale"
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        // A setting with a spelling error would be left out in silence.
        let known = Key.allCases.map(\.rawValue)
        let keys = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        if let key = keys.sorted().first(where: { !known.contains($0) }) {
            throw ConfigurationProblem.unusableSettings(
                "unknown setting \"\(key)\", known are \(known.joined(separator: ", "))")
        }
        let values = try decoder.container(keyedBy: Key.self)
        if let name = try values.decodeIfPresent(String.self, forKey: .samplerName) {
            guard let sampler = SamplerName(name) else {
                throw Self.unknown(.samplerName, name, SamplerName.samplerChoices)
            }
            samplingMethod = sampler.samplingMethod
            sigmaSchedule = sampler.sigmaSchedule
        }
        if let name = try values.decodeIfPresent(String.self, forKey: .scheduler) {
            guard let schedule = SamplerName.sigmaSchedule(name) else {
                throw Self.unknown(.scheduler, name, SamplerName.scheduleChoices)
            }
            sigmaSchedule = schedule
        }
        try values.updateOptional(&inferenceStepCount, .steps)
        try values.updateOptional(&guidanceScale, .cfgScale)
    }

    private static func unknown(
        _ key: Key, _ name: String, _ choices: String
    ) -> ConfigurationProblem {
        .unusableSettings("\(key.rawValue) \"\(name)\" is none of \(choices)")
    }

    package func validate() throws(ConfigurationProblem) {
        let steps = 1...GenerationLimits.inferenceStepCountMax
        if let count = inferenceStepCount, !steps.contains(count) {
            throw .unusableSettings("steps \(count) is not from 1 to \(steps.upperBound)")
        }
        let scales = 0...GenerationLimits.guidanceScaleMax
        if let scale = guidanceScale, !scales.contains(scale) {
            throw .unusableSettings("cfg_scale \(scale) is not from 0 to \(scales.upperBound)")
        }
    }
}
