// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Plain Stable Diffusion: every token stays.
package struct NoMerging: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(
        name: "none", displayName: "none", options: [])

    package init(configuration: TokenMergeConfiguration) {}

    package func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) -> TokenMergeLayout {
        .identity(site.grid, sampleCount: sampleCount)
    }

    package func fill(
        _ plan: inout TokenMergePlan, from features: TokenFeatures, context: TokenMergeContext,
        scratch: TokenMergeScratch
    ) {
        preconditionFailure("a layout that changes nothing has no plan")
    }
}
