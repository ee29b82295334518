// SPDX-License-Identifier: Apache-2.0

extension TokenMergeConfiguration {
    /// Checks everything that can be said without a model.
    package func validate() throws(TokenMergeConfigurationError) {
        let strategy = try TokenMergeRegistry.standard.traits(of: method)
        guard (0...1).contains(ratio) else { throw .ratio(ratio) }
        guard ratioSchedule.isValid else { throw .ratioSchedule }
        guard [1, 2, 4, 8].contains(maximumDownsample) else {
            throw .maximumDownsample(maximumDownsample)
        }
        if let period, period < 1 { throw .period(period) }
        if let refreshCalls, refreshCalls.contains(where: { $0 < 0 }) { throw .refreshCalls }
        guard window.isValid else { throw .window(window.description) }
        if case .weight(let weight) = alpha, !(weight >= 0 && weight <= 1) {
            throw .alpha("\(weight)")
        }
        guard strideX > 0, strideY > 0, strideX * strideY > 1 else {
            throw .stride(x: strideX, y: strideY)
        }
        guard (1...64).contains(downsampleFactor) else { throw .downsampleFactor(downsampleFactor) }
        guard importancePool >= 1, importancePool.isFinite, importanceWarmupCallCount >= 0 else {
            throw .importance
        }
        if let scope, !strategy.scopes.contains(scope) {
            throw .scopeNotSupported(method: method, scope: scope)
        }
        if (scope ?? strategy.scopes[0]) == .keysValues, mergesCrossAttention || mergesFeedForward {
            throw .modulesNotSupported(scope: .keysValues)
        }
    }

    /// Checks what depends on the request.
    ///
    /// - Parameter isGuided: whether classifier-free guidance is on.
    package func validate(isGuided: Bool) throws(TokenMergeConfigurationError) {
        try validate()
        if !isGuided, try TokenMergeRegistry.standard.traits(of: method).needsGuidance {
            throw .needsGuidance(method: method)
        }
    }
}
