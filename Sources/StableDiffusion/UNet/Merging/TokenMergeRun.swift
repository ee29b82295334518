// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit
package import TokenMerging

/// Token merging of one image: its plans, made, kept and thrown away with it.
///
/// Where a method compares tokens over both halves of a guided batch, one plan serves both. Each half
/// then either has a lane of its own, and the lanes meet where a plan is made; or one lane runs both
/// as one batch. Both ways compare the same features, so how threads are split decides about rounding
/// only, as it does without merging. Every other plan belongs to its half.
package final class TokenMergeRun {
    /// Who looks on, if anybody does.
    package var observer: (any TokenObserver)?
    /// Where to note what merging takes, if anybody asks.
    package var times: TokenMergeTimes?
    private let cache: TokenMergePlanCache
    private var importance: TokenImportanceMap?
    private var knowsImportance = false
    /// Features on their way from lane to lane, by half; written before a meeting, read after it.
    private let published: UnsafeMutablePointer<Tensor?>

    /// - Parameters:
    ///   - sites: the network's, for the image's size.
    ///   - latents: the latents' grid, for methods that look at the guidance's effect.
    ///   - seed: the image's; random choices depend on it, the call and the block alone.
    ///   - halves: 2 with classifier-free guidance.
    /// - Throws: `TokenMergeConfigurationError`, `TensorStorageError`.
    package init(
        merger: TokenMerger, sites: [TokenMergeSite], latents: TokenGrid, seed: UInt64, halves: Int
    ) throws {
        cache = try TokenMergePlanCache(merger: merger, sites: sites, seed: seed, halves: halves)
        importance = merger.needsImportance ? TokenImportanceMap(grid: latents) : nil
        published = .allocate(capacity: 2)
        published.initialize(repeating: nil, count: 2)
    }

    /// The merging of one image of a network.
    ///
    /// - Parameters: as above, and
    ///   - sample: latents of one half, `[1, height, width, channels]`.
    ///   - backend: multiplies for methods that compare all pairs of tokens.
    package convenience init(
        _ configuration: TokenMergeConfiguration, for unet: UNet2DConditionModel,
        sample: TensorShape, backend: any ComputeBackend, seed: UInt64, halves: Int
    ) throws {
        try self.init(
            merger: TokenMerger(configuration, products: BackendTokenProducts(backend: backend)),
            sites: unet.mergeSites(for: sample),
            latents: TokenGrid(height: sample.height, width: sample.width), seed: seed,
            halves: halves)
    }

    deinit {
        published.deinitialize(count: 2)
        published.deallocate()
    }

    /// What decides.
    package var merger: TokenMerger { cache.merger }

    /// The network's transformer blocks.
    package var sites: [TokenMergeSite] { cache.sites }

    /// The shapes of the plans, by site.
    package var layouts: [TokenMergeLayout] { cache.layouts }

    /// Whether one plan serves both halves.
    package var sharesPlans: Bool { cache.sharesPlans }

    /// Whether any block merges at any time.
    package var mergesAnything: Bool { cache.mergesAnything }

    /// What came of it so far.
    package var statistics: TokenMergeStatistics { cache.statistics }

    /// Begins a U-Net call: decides which plans it makes anew.
    package func begin(callIndex: Int) { cache.begin(callIndex: callIndex) }

    /// Ends a U-Net call: takes note of what guidance changed, for methods that ask.
    ///
    /// - Parameters:
    ///   - uncond: the prediction without the prompt, `[1, height, width, channels]`, f32.
    ///   - text: the prediction with it.
    package func end(uncond: Tensor, text: Tensor) {
        guard importance != nil else { return }
        importance?.update(noisePredictionUncond: uncond, noisePredictionText: text)
        knowsImportance = true
    }

    /// Appends what calls from `callIndex` on depend on.
    package func save(to writer: inout WordWriter, callIndex: Int) {
        cache.save(to: &writer, callIndex: callIndex)
        if let importance, knowsImportance {
            writer.write(1)
            writer.write(importance.values)
        } else {
            writer.write(0)
        }
    }

    /// Takes what the merging of an equal image saved; calls go on from `callIndex`.
    package func restore(
        from reader: inout WordReader, callIndex: Int
    ) throws(SavedStateError) {
        try cache.restore(from: &reader, callIndex: callIndex)
        knowsImportance = try reader.read(in: 0...1) == 1
        guard knowsImportance else { return }
        guard let grid = importance?.grid else { throw .damaged }
        let values = try reader.readFloats(grid.tokenCount)
        guard values.allSatisfy({ $0.isFinite && $0 >= 0 }) else { throw .damaged }
        importance = TokenImportanceMap(grid: grid, values: values)
    }

    /// What a pass of one lane needs.
    ///
    /// - Parameters:
    ///   - firstHalf: which half the pass's first sample is.
    ///   - meeting: the lanes, where each runs one half.
    package func pass(firstHalf: Int, meeting: ComputeLanes?) -> TokenMergePass {
        TokenMergePass(run: self, firstHalf: firstHalf, meeting: meeting)
    }

    // What passes ask; lanes may do so at the same time.

    func isStale(_ index: Int, half: Int) -> Bool { cache.isStale(index, half: half) }

    /// The plan that one block uses for one half.
    package func plan(_ index: Int, half: Int) -> TokenMergePlan { cache.plan(index, half: half) }

    /// Makes one block's plan anew.
    package func refresh(
        _ index: Int, half: Int, features: TokenFeatures, team: ThreadTeam
    ) {
        cache.refresh(
            index, half: half, features: features,
            importance: knowsImportance ? importance : nil, team: team)
    }

    func publish(_ features: Tensor, half: Int) { published[half] = features }

    var publishedFeatures: TokenFeatures {
        guard let uncond = published[0], let text = published[1] else {
            preconditionFailure("the lanes have not met")
        }
        return TokenFeatures(uncond: uncond, text: text)
    }
}
