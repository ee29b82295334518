// SPDX-License-Identifier: Apache-2.0

/// How the keys of published checkpoints become the names that the layers ask for.
///
/// A component maps each key to a name, or to `nil` for what is known and not needed. Everything
/// else in a checkpoint that no layer asks for is an error.
package enum CheckpointKeys {
    /// Text encoder: transformers before 5 wrote `text_model.` before every key; some files carry
    /// the position numbers, or the projection of the model with a pooled output.
    package static func textEncoder(_ key: String) -> String? {
        let name = key.hasPrefix("text_model.") ? String(key.dropFirst("text_model.".count)) : key
        let ignored = ["embeddings.position_ids", "text_projection.weight", "logit_scale"]
        return ignored.contains(name) ? nil : name
    }

    /// U-Net: keys are names.
    package static func unet(_ key: String) -> String? { key }

    /// VAE: the decoder only.
    ///
    /// Attention was spelt `query`, `key`, `value`, `proj_attn` before
    /// diffusers 0.17 (`_fix_state_dict_keys_on_load`).
    package static func vaeDecoder(_ key: String) -> String? {
        if key.hasPrefix("encoder.") || key.hasPrefix("quant_conv.") { return nil }
        guard key.contains(".attentions.") else { return key }
        let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let renamed = parts.map { part in
            switch part {
            case "query": "to_q"
            case "key": "to_k"
            case "value": "to_v"
            case "proj_attn": "to_out.0"
            default: part
            }
        }
        return renamed.joined(separator: ".")
    }
}
