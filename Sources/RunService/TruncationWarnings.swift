// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import StableDiffusion

/// Finds the prompts that are too long for the text encoder, before anything is sampled.
package enum TruncationWarnings {
    /// One warning per distinct text that is cut, naming what is lost.
    ///
    /// - Throws: `ConfigurationError`, `TokenizerError`.
    package static func of(_ requests: [GenerationRequest], model: any ModelSource) throws
        -> [String]
    {
        of(requests, tokenizer: try model.tokenizer())
    }

    /// One warning per distinct text that is cut, naming what is lost.
    package static func of(
        _ requests: [GenerationRequest], tokenizer: CLIPTokenizer
    ) -> [String] {
        var seen: Set<String> = []
        var warnings: [String] = []
        for request in requests {
            for text in [request.prompt, request.negativePrompt] where seen.insert(text).inserted {
                if let warning = tokenizer.encode(text).truncationWarning {
                    warnings.append(warning)
                }
            }
        }
        return warnings
    }
}
