// SPDX-License-Identifier: Apache-2.0

extension TokenMergeConfiguration {
    /// Checks everything that can be said without knowing the methods; `TokenMerger` checks the
    /// rest.
    public func validateRanges() throws(TokenMergeConfigurationError) {
        for option in TokenMergeOption.all { try option.check(self) }
        guard strideX * strideY > 1 else { throw .stride }
    }

    /// Most entries of a list of refreshes.
    public static let refreshCallCountMax = 2000
}
