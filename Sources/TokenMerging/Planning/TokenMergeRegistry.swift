// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The known strategies by name.
package struct TokenMergeRegistry: Sendable {
    private let strategies: [any TokenMergeStrategy.Type]

    package init(_ strategies: [any TokenMergeStrategy.Type]) { self.strategies = strategies }

    /// Every method of this package.
    package static let standard = TokenMergeRegistry([
        NoMerging.self, ReToM.self, ToMe.self, AgglomerativeTokenClustering.self,
        ImportanceMerging.self, TokenDownsampling.self,
    ])

    /// Names in the order of registration.
    package var names: [String] { strategies.map { $0.traits.name } }

    /// The methods that read an option, in the order of registration.
    package func readers(of option: TokenMergeOption) -> [String] {
        strategies.filter { $0.traits.options.contains(option) }.map { $0.traits.name }
    }

    /// What a method is called and what it needs.
    package func traits(
        of name: String
    ) throws(TokenMergeConfigurationError) -> TokenMergeStrategyTraits {
        try type(named: name).traits
    }

    /// A method's name for people; the name itself where no such method is known.
    package static func displayName(of name: String) -> String {
        (try? standard.traits(of: name))?.displayName ?? name
    }

    /// The strategy that a configuration selects.
    package func strategy(
        for configuration: TokenMergeConfiguration
    ) throws(TokenMergeConfigurationError) -> any TokenMergeStrategy {
        try type(named: configuration.method).init(configuration: configuration)
    }

    private func type(
        named name: String
    ) throws(TokenMergeConfigurationError) -> any TokenMergeStrategy.Type {
        guard let type = strategies.first(where: { $0.traits.name == name }) else {
            throw .unknownMethod(name, known: names)
        }
        return type
    }
}

/// A validated configuration with its strategy: what a pipeline holds.
package struct TokenMerger: Sendable {
    package let configuration: TokenMergeConfiguration
    package let strategy: any TokenMergeStrategy
    private let traits: TokenMergeStrategyTraits
    /// The products implementation, for methods that compare all pairs.
    let products: any TokenProducts

    /// Validates the configuration.
    package init(
        _ configuration: TokenMergeConfiguration,
        products: any TokenProducts = PortableTokenProducts()
    ) throws(TokenMergeConfigurationError) {
        try configuration.validate()
        self.products = products
        self.configuration = configuration
        strategy = try TokenMergeRegistry.standard.strategy(for: configuration)
        traits = type(of: strategy).traits
    }

    /// The effective p.
    package var period: Int { configuration.period ?? traits.defaultPeriod }
    /// The features from which similarities are computed.
    package var featureSource: TokenMergeFeatureSource {
        configuration.featureSource ?? traits.defaultFeatureSource
    }
    /// The inputs of self-attention that merge.
    package var scope: TokenMergeScope { configuration.scope ?? traits.scopes[0] }
    /// Whether the effect of guidance in the previous step must be supplied as an importance map.
    package var needsImportance: Bool { traits.needsGuidance }

    /// Whether one plan serves all samples of a batch and is made from the features of all.
    package var sharesPlans: Bool { strategy.sharesPlans }

    /// Whether merging is enabled at a site of the network.
    ///
    /// - Parameter finest: downsampling of the network's finest transformers; they count as the
    ///   top.
    package func includes(_ site: TokenMergeSite, finest: Int) -> Bool {
        site.downsample <= configuration.maximumDownsample * finest
    }

    /// The plan's shape at one site of the network; identity if nothing merges.
    ///
    /// - Parameter finest: downsampling of the network's finest transformers.
    package func layout(
        at site: TokenMergeSite, sampleCount: Int, finest: Int = 1
    ) throws(TokenMergeConfigurationError) -> TokenMergeLayout {
        let ratio = configuration.ratio
        guard includes(site, finest: finest), ratio > 0 else {
            return .identity(site.grid, sampleCount: sampleCount)
        }
        return try strategy.layout(at: site, ratio: ratio, sampleCount: sampleCount)
    }

    /// The plans' shapes at all sites of a network, for one image: detects whatever a request asks
    /// for that no worker can do.
    ///
    /// - Parameter halves: 2 with classifier-free guidance, otherwise 1.
    /// - Throws: `needsGuidance`, and the method's errors about a map.
    package func layouts(
        at sites: [TokenMergeSite], halves: Int
    ) throws(TokenMergeConfigurationError) -> [TokenMergeLayout] {
        try configuration.validate(isGuided: halves == 2)
        var layouts: [TokenMergeLayout] = []
        let sampleCount = samplesPerPlan(halves: halves)
        for site in sites {
            layouts.append(
                try layout(at: site, sampleCount: sampleCount, finest: sites.finestDownsample))
        }
        return layouts
    }

    /// Samples covered by one plan.
    package func samplesPerPlan(halves: Int) -> Int { sharesPlans ? halves : 1 }

    /// Whether a new plan is due: `t mod p = 0`, or listed.
    package func refreshes(at callIndex: Int) -> Bool {
        if let listed = configuration.refreshCalls { return listed.contains(callIndex) }
        return callIndex.isMultiple(of: period)
    }
}
