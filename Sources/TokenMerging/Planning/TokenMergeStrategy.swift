// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit

/// A way of choosing which tokens merge.
///
/// To add one: a file with a conforming type, and one line in `TokenMergeRegistry.standard`.
package protocol TokenMergeStrategy: Sendable {
    /// What the method is called and what it needs.
    static var traits: TokenMergeStrategyTraits { get }

    /// Whether one plan serves all samples of a batch and is made from the features of all.
    var sharesPlans: Bool { get }

    /// The ratio determined by other options, if the method takes none.
    var ownRatio: Double? { get }

    /// Reads its options from a validated configuration.
    init(configuration: TokenMergeConfiguration)

    /// The plan's shape at one site, from counts alone.
    func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) throws(TokenMergeConfigurationError) -> TokenMergeLayout

    /// Fills `plan`, which has this strategy's layout, from features.
    ///
    /// - Precondition: `scratch` was prepared for the layout; features match it.
    func fill(
        _ plan: inout TokenMergePlan, from features: TokenFeatures, context: TokenMergeContext,
        scratch: TokenMergeScratch)
}

extension TokenMergeStrategy {
    /// Most strategies examine one sample at a time, or none.
    package var sharesPlans: Bool { false }
    /// Most strategies use the configured ratio.
    package var ownRatio: Double? { nil }
}

extension TokenMergeOption {
    /// The options of every method that compares tokens.
    package static let common: Set<TokenMergeOption> = [
        .ratio, .maximumDownsample, .period, .refreshCalls, .featureSource, .scope,
        .proportionalAttention, .selfAttention, .crossAttention, .feedForward,
    ]
}

/// What a method is called and what it needs.
package struct TokenMergeStrategyTraits: Sendable, Hashable {
    /// Its name on the command line.
    package var name: String
    /// Its display name.
    package var displayName: String
    /// The configuration options it reads, besides the method.
    package var options: Set<TokenMergeOption>
    /// The default p.
    package var defaultPeriod: Int
    /// The default features for similarities.
    package var defaultFeatureSource: TokenMergeFeatureSource
    /// The supported scopes, the default first.
    package var scopes: [TokenMergeScope]
    /// Whether it works only with classifier-free guidance.
    package var needsGuidance: Bool

    package init(
        name: String, displayName: String, options: Set<TokenMergeOption>, defaultPeriod: Int = 1,
        defaultFeatureSource: TokenMergeFeatureSource = .hiddenStates,
        scopes: [TokenMergeScope] = [.queriesKeysValues, .keysValues], needsGuidance: Bool = false
    ) {
        self.name = name
        self.displayName = displayName
        self.options = options
        self.defaultPeriod = defaultPeriod
        self.defaultFeatureSource = defaultFeatureSource
        self.scopes = scopes
        self.needsGuidance = needsGuidance
    }
}

/// A strategy's inputs besides features.
package struct TokenMergeContext {
    package var site: TokenMergeSite
    package var call: TokenMergeCall
    /// How often this site's plan was made before for this image.
    package var refreshIndex: Int
    package var random: TokenMergeRandom
    /// The effect of guidance in the previous step; `nil` before the first.
    package var importance: TokenImportanceMap?
    /// The products implementation, for methods that compare all pairs.
    package var products: any TokenProducts
    /// The threads that share the work.
    package var team: ThreadTeam

    package init(
        site: TokenMergeSite, call: TokenMergeCall, refreshIndex: Int = 0, seed: UInt64,
        importance: TokenImportanceMap? = nil,
        products: any TokenProducts = PortableTokenProducts(),
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) {
        self.products = products
        self.team = team
        self.site = site
        self.call = call
        self.refreshIndex = refreshIndex
        random = TokenMergeRandom(seed: seed, callIndex: call.index, siteIndex: site.index)
        self.importance = importance
    }
}
