// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

// What a configuration means at a site of a network, and for the method it names.

extension TokenMergeConfiguration {
    /// Checks everything that can be checked without a model.
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

    /// The same configuration with the ratio the method will actually use.
    ///
    /// Some methods have their own ratio, which only 0 (nothing merges) overrides. A configuration
    /// with values out of range is returned unchanged.
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
    /// The window's side at one site of the network, before it is clamped to the map.
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
