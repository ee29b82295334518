// SPDX-License-Identifier: Apache-2.0

package import StableDiffusion

/// `clip.json`: the sizes of the mini-CLIP's layers.
///
/// Matches `export` in scripts/train/clip_net.py.
package struct MiniCLIPConfiguration: ComponentConfiguration, Equatable {
    /// Number of the judge's features of a picture.
    package let imageFeatures: Int
    /// Number of values used from the text encoder: its state at the end of the text, and its mean.
    package let textStates: Int
    package let hiddenWidth: Int
    package let embeddingWidth: Int
    /// Number of renders in the reference statistics.
    package let referencePictures: Int

    private enum CodingKeys: String, CodingKey {
        case imageFeatures = "image_features"
        case textStates = "text_states"
        case hiddenWidth = "hidden_width"
        case embeddingWidth = "embedding_width"
        case referencePictures = "reference_pictures"
    }

    package func validate() throws(ConfigurationProblem) {
        let sizes: [(CodingKeys, Int)] = [
            (.imageFeatures, imageFeatures), (.textStates, textStates),
            (.hiddenWidth, hiddenWidth), (.embeddingWidth, embeddingWidth),
        ]
        for (key, size) in sizes where !(1...65_536).contains(size) {
            throw .invalid(key: key.rawValue, value: "\(size)", reason: "it must be 1 to 65536")
        }
        guard textStates.isMultiple(of: 2) else {
            throw .invalid(
                key: CodingKeys.textStates.rawValue, value: "\(textStates)",
                reason: "it must be even")
        }
        guard referencePictures > 1 else {
            throw .invalid(
                key: CodingKeys.referencePictures.rawValue, value: "\(referencePictures)",
                reason: "it must be 2 or more")
        }
    }
}
