// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// What kind of model a source holds, in words.
package struct ModelKind: Sendable, Equatable, CustomStringConvertible {
    /// Such as `Stable Diffusion 2.x, v-prediction`.
    package let description: String

    /// Looks at everything but values.
    ///
    /// - Throws: what makes it unusable.
    package init(of model: any ModelSource) throws {
        let unet = try model.unetConfiguration()
        let width = try unet.levels().first?.crossAttentionDimension ?? 0
        var words =
            switch SingleFileFamily(textWidth: width) {
            case .stableDiffusion1: ["Stable Diffusion 1.x"]
            case .stableDiffusion2: ["Stable Diffusion 2.x"]
            case nil: ["own shape, text of width \(width)"]
            }
        if unet.timeConditionProjectionDimension != nil { words.append("latent consistency") }
        if try model.schedulerConfiguration().predictionType == PredictionType.vPrediction.rawValue
        {
            words.append("v-prediction")
        }
        do {
            _ = try model.autoencoderConfiguration()
        } catch let error as SingleFileError where error.problem == .noVAE {
            words.append("needs --vae")
        }
        description = words.joined(separator: ", ")
    }
}

extension ModelSource {
    /// Bytes of all files that decide what the model computes.
    package func byteCount() throws -> Int {
        var paths: Set<String> = []
        for component in ModelComponent.allCases {
            for case .file(let path) in try digestParts(of: component) { paths.insert(path) }
        }
        return paths.reduce(0) { $0 + (FileIdentity(path: $1)?.byteCount ?? 0) }
    }
}
