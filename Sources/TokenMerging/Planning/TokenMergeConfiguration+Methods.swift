// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

// What a configuration means at a place of a network, and for the method that it names.

extension TokenMergeConfiguration {
    /// Checks everything that can be said without a model.
    package func validate() throws(TokenMergeConfigurationError) {
        let strategy = try TokenMergeRegistry.standard.traits(of: method)
        try validateRanges()
        if let scope, !strategy.scopes.contains(scope) {
            throw .scopeNotSupported(method: method, scope: scope)
        }
        if (scope ?? strategy.scopes[0]) == .keysValues, mergesCrossAttention || mergesFeedForward {
            throw .modulesNotSupported(scope: .keysValues)
        }
    }

    /// The same, with a ratio that says what the method will do.
    ///
    /// Some methods have a ratio of their own, which only 0 (nothing merges) overrides. From values
    /// out of their ranges nothing follows.
    package var withRatioInForce: TokenMergeConfiguration {
        guard ratio > 0, (try? validateRanges()) != nil,
            let strategy = try? TokenMergeRegistry.standard.strategy(for: self),
            let ownRatio = strategy.ownRatio
        else { return self }
        var configuration = self
        configuration.ratio = ownRatio
        return configuration
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

extension TokenMergeWindow {
    /// The window's side at one place of the network, before it is clamped to the map.
    package func side(at site: TokenMergeSite) -> Int {
        switch self {
        case .adaptive: 2 * site.downsample
        case .adaptiveLiteral: site.stage == .mid ? 8 : 2
        case .fixed(let side): side
        case .levels(let sides): sides[min(site.level, sides.count - 1)]
        case .stages(let down, let mid, let up):
            switch site.stage {
            case .down: down[min(site.level, down.count - 1)]
            case .mid: mid
            case .up: up[min(site.level, up.count - 1)]
            }
        }
    }
}
