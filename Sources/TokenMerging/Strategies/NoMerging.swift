// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Plain Stable Diffusion: every token stays.
package struct NoMerging: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(name: "none")

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
        let tokenCount = plan.layout.tokenCount
        plan.fill(part: 0, alpha: .mean) { writer in
            for token in 0..<tokenCount { writer.keep(Int32(token)) }
        }
    }
}
