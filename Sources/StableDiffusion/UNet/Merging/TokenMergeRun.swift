// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit
package import TokenMerging

/// Token merging of one image: its plans, made, kept and discarded with it.
///
/// If a method compares tokens over both halves of a guided batch, one plan serves both. Then
/// either each half has its own lane, and the lanes meet where a plan is made; or one lane runs
/// both as one batch. Both ways compare the same features, so how threads are split affects only
/// rounding, as it does without merging. Every other plan belongs to its half.
package final class TokenMergeRun {
    /// Optional observer.
    package var observer: (any TokenObserver)?
    /// Optional record of the time merging takes.
    package var times: TokenMergeTimes?
    private let cache: TokenMergePlanCache
    private var importance: TokenImportanceMap?
    private var knowsImportance = false
    /// Features passed between lanes, by half; written before a meeting, read after it.
    private let published: UnsafeMutablePointer<Tensor?>

    /// - Parameters:
    ///   - sites: the network's, for the image's size.
    ///   - latents: the latents' grid, for methods that use the effect of guidance.
    ///   - seed: the image's; random choices depend only on it, the call and the block.
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

    /// The method and its options.
    package var merger: TokenMerger { cache.merger }

    /// The network's transformer blocks.
    package var sites: [TokenMergeSite] { cache.sites }

    /// The shapes of the plans, by site.
    package var layouts: [TokenMergeLayout] { cache.layouts }

    /// Whether one plan serves both halves.
    package var sharesPlans: Bool { cache.sharesPlans }

    /// Whether any block ever merges.
    package var mergesAnything: Bool { cache.mergesAnything }

    /// Statistics so far.
    package var statistics: TokenMergeStatistics { cache.statistics }

    /// Begins a U-Net call: decides which plans are made anew.
    package func begin(callIndex: Int) { cache.begin(callIndex: callIndex) }

    /// Ends a U-Net call: records the effect of guidance, for methods that use it.
    ///
    /// - Parameters:
    ///   - uncond: the prediction without the prompt, `[1, height, width, channels]`, f32.
    ///   - text: the prediction with it.
    package func end(uncond: Tensor, text: Tensor) {
        guard importance != nil else { return }
        importance?.update(noisePredictionUncond: uncond, noisePredictionText: text)
        knowsImportance = true
    }

    /// Appends the state on which calls from `callIndex` on depend.
    package func save(to writer: inout WordWriter, callIndex: Int) {
        cache.save(to: &writer, callIndex: callIndex)
        if let importance, knowsImportance {
            writer.write(1)
            writer.write(importance.values)
        } else {
            writer.write(0)
        }
    }

    /// Restores the state saved by the merging of an equal image; calls continue from `callIndex`.
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

    /// The merging of one lane's pass.
    ///
    /// - Parameters:
    ///   - firstHalf: the half of the pass's first sample.
    ///   - meeting: the lanes, if each runs one half.
    package func pass(firstHalf: Int, meeting: ComputeLanes?) -> TokenMergePass {
        TokenMergePass(run: self, firstHalf: firstHalf, meeting: meeting)
    }

    // Used by passes; lanes may call these at the same time.

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
