// SPDX-License-Identifier: Apache-2.0

package import StableDiffusion

/// How a model generates, where that differs from other models; reported once, at the start.
package enum ModelNotices {
    /// One sentence per finding.
    ///
    /// - Throws: `ConfigurationError`, and what a file of another kind throws.
    package static func of(_ model: any ModelSource) throws -> [String] {
        let path = try model.configurationPath(of: .vae)
        let decoder = try model.autoencoderConfiguration().recordedName.map { name in
            "pictures are decoded by \(name) (\(path)), which is softer than a full VAE"
        }
        let recipe = try ModelDescription(of: model).recipe
        return [recipe.notice, recipe.proposal(forFile: model.path), decoder, added(to: model)]
            .compactMap { $0 }
    }

    /// LoRAs with their weights, and textual inversions; `nil` without any.
    private static func added(to model: any ModelSource) -> String? {
        let loras = model.loras.map { lora in
            lora.textWeight == lora.unetWeight
                ? "LoRA \(lora.name) at \(lora.unetWeight)"
                : "LoRA \(lora.name) at \(lora.unetWeight) (text encoder \(lora.textWeight))"
        }
        let embeddings = model.embeddings.map { "textual inversion \($0.name)" }
        let all = loras + embeddings
        return all.isEmpty ? nil : "the model has \(all.joined(separator: ", "))"
    }

    /// What running workers must have been started with to have the same model; `nil` where nothing
    /// is added to it.
    package static func forRunningWorkers(_ model: any ModelSource) -> String? {
        let loras = model.loras.map { lora in
            "--lora=\(lora.name):\(lora.textWeight):\(lora.unetWeight)"
        }
        let embeddings = model.embeddings.isEmpty ? [] : ["--embd-dir with the same files"]
        let all = loras + embeddings
        guard !all.isEmpty else { return nil }
        return """
            workers must have been started with the same model, and with \
            \(all.joined(separator: " "))
            """
    }
}
