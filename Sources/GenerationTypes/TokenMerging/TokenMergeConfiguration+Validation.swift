// SPDX-License-Identifier: Apache-2.0

extension TokenMergeConfiguration {
    /// Checks everything that can be said without knowing the methods; `TokenMerger` checks the
    /// rest.
    public func validateRanges() throws(TokenMergeConfigurationError) {
        guard (0...1).contains(ratio) else { throw .ratio(ratio) }
        guard [1, 2, 4, 8].contains(maximumDownsample) else {
            throw .maximumDownsample(maximumDownsample)
        }
        if let period, !Self.callRange.contains(period) { throw .period(period) }
        if let refreshCalls {
            guard refreshCalls.count <= Self.refreshCallCountMax,
                refreshCalls.allSatisfy({ $0 >= 0 && $0 <= Self.callRange.upperBound })
            else { throw .refreshCalls }
        }
        guard window.isValid else { throw .window(window.description) }
        if case .weight(let weight) = alpha, !(weight >= 0 && weight <= 1) {
            throw .alpha("\(weight)")
        }
        let strides = 1...Self.strideMax
        guard strides.contains(strideX), strides.contains(strideY), strideX * strideY > 1 else {
            throw .stride(x: strideX, y: strideY)
        }
        guard (1...64).contains(downsampleFactor) else { throw .downsampleFactor(downsampleFactor) }
        guard importancePool >= 1, importancePool.isFinite,
            (0...Self.callRange.upperBound).contains(importanceWarmupCallCount)
        else { throw .importance }
    }

    /// U-Net calls that a period or a list may name.
    private static let callRange = 1...65_535
    /// Most entries of a list of refreshes.
    public static let refreshCallCountMax = 2000
    /// Longest side of a destination's cell, in tokens.
    private static let strideMax = 512
}
