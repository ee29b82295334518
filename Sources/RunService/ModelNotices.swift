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
        return [recipe.notice, recipe.proposal(forFile: model.path), decoder].compactMap { $0 }
    }
}
