// SPDX-License-Identifier: Apache-2.0

/// A part of a model that has weights, named as its folder in diffusers' layout.
package enum ModelComponent: String, Sendable, CaseIterable {
    case unet
    case textEncoder = "text_encoder"
    case vae

    /// The name of the weights' file before `.safetensors`: diffusers' or transformers'.
    var weightsBaseName: String {
        self == .textEncoder ? "model" : "diffusion_pytorch_model"
    }

    /// The name that the layers ask for, by a key of a diffusers directory; `nil` for what is known
    /// and not needed.
    func name(ofKey key: String) -> String? {
        switch self {
        case .unet: CheckpointKeys.unet(key)
        case .textEncoder: CheckpointKeys.textEncoder(key)
        case .vae: CheckpointKeys.vaeDecoder(key)
        }
    }
}
