// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import Requests
import StableDiffusion

extension GenerationOptions {
    /// The images of a run, each checked against the model.
    ///
    /// - Parameters:
    ///   - entries: the prompts.
    ///   - model: what the model says of requests.
    ///   - tokenMerging: which tokens merge unless a prompt says otherwise.
    ///   - forecastIfSound: the profile's steps per call of the U-Net.
    ///   - alternatives: other ways to merge that every picture will be generated with, too.
    ///   - warn: called with what will not be generated as it may be meant.
    ///   - check: what else must hold of a request.
    /// - Throws: `PromptListError`.
    package func plan(
        _ entries: [PromptEntry], for model: RequestCheck, tokenMerging: TokenMergeConfiguration,
        forecastIfSound: Int? = nil, alternatives: [TokenMergeConfiguration] = [],
        warn: (String) -> Void,
        check: (GenerationRequest) throws -> Void = { _ in }
    ) throws(PromptListError) -> RequestPlan {
        var generator = SystemRandomNumberGenerator()
        let plan = try RequestPlan(
            entries: entries,
            settings: settings(
                defaultWidth: model.description.defaultWidth,
                defaultHeight: model.description.defaultHeight,
                recipe: model.description.recipe, tokenMerging: tokenMerging,
                forecastIfSound: forecastIfSound),
            seed: seedChoice ?? .random, batchCount: imagesPerPrompt,
            check: { request in
                try model.check(&request)
                for alternative in alternatives {
                    var request = request
                    request.tokenMerging = alternative
                    try model.check(&request)
                }
                try check(request)
            }, using: &generator)
        if let warning = PromptSyntaxNotice.warning(
            entries, negativePrompt: negativePrompt ?? "")
        {
            warn(warning)
        }
        return plan
    }
}
