// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

extension GenerationRequest {
    /// Checks merging against the method it names, and writes down the ratio in force.
    package mutating func settleTokenMerging() throws(TokenMergeConfigurationError) {
        tokenMerging = tokenMerging.withRatioInForce
        try tokenMerging.validate(isGuided: usesClassifierFreeGuidance)
    }
}
