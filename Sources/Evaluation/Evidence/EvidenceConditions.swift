// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import Requests

/// Under what conditions a row's pictures were generated and measured: only pictures with the same
/// ones may be added to each other.
package struct EvidenceConditions: Sendable, Equatable, Codable {
    /// The model's name and digests.
    package var model: ModelRecord
    /// What all pictures share: no prompt, seed 0, nothing merges.
    package var shared: GenerationRequest
    /// Seed of picture 0.
    package var seed: UInt64
    /// What the features are of, such as `mini-clip` or `inception 1a2b3c4d`.
    package var features: String
    /// What the CLIP score is of; `nil` without one.
    package var clip: String?
    /// What LPIPS is of; `nil` without it.
    package var lpips: String?

    package init(
        model: ModelRecord, request: GenerationRequest, seed: UInt64, meter: EvidenceMeterNames
    ) {
        self.model = model
        self.seed = seed
        features = meter.features
        clip = meter.clip
        lpips = meter.lpips
        shared = request
        shared.prompt = ""
        shared.seed = 0
        shared.tokenMerging = .none
    }

    /// What differs from other conditions, for people; `nil` if nothing does.
    package func difference(from other: EvidenceConditions) -> String? {
        let pairs: [(String, String, String)] = [
            ("model", model.shortDescription, other.model.shortDescription),
            ("steps", "\(shared.inferenceStepCount)", "\(other.shared.inferenceStepCount)"),
            ("guidance", "\(shared.guidanceScale)", "\(other.shared.guidanceScale)"),
            (
                "sampler", shared.samplingMethod.rawValue, other.shared.samplingMethod.rawValue
            ),
            (
                "size", "\(shared.width)×\(shared.height)",
                "\(other.shared.width)×\(other.shared.height)"
            ),
            ("seed of picture 0", "\(seed)", "\(other.seed)"),
            ("features", features, other.features),
            ("CLIP", clip ?? "none", other.clip ?? "none"),
            ("LPIPS", lpips ?? "none", other.lpips ?? "none"),
            ("request", shared.json, other.shared.json),
        ]
        guard let (name, own, theirs) = pairs.first(where: { $0.1 != $0.2 }) else { return nil }
        return "\(name) \(own), not \(theirs)"
    }

    /// The conditions in one line, for people.
    package var facts: [String] {
        [
            "model \(model.name)", "\(shared.width)×\(shared.height)",
            "\(shared.inferenceStepCount) steps", shared.samplingMethod.rawValue,
            "guidance \(shared.guidanceScale)", "seeds from \(seed)", "features of \(features)",
        ] + (clip.map { ["CLIP score of \($0)"] } ?? [])
    }
}

/// What measures pictures, by names that tell different weights apart.
package struct EvidenceMeterNames: Sendable, Equatable {
    package var features: String
    package var clip: String?
    package var lpips: String?

    package init(features: String, clip: String?, lpips: String?) {
        self.features = features
        self.clip = clip
        self.lpips = lpips
    }
}

extension ModelRecord {
    fileprivate var shortDescription: String {
        "\(name) (U-Net \(unetSHA256.prefix(10)), text \(textEncoderSHA256.prefix(10)), VAE "
            + "\(vaeSHA256.prefix(10)))"
    }
}
