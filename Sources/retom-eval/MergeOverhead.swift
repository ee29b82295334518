// SPDX-License-Identifier: Apache-2.0

import Evaluation
import GenerationTypes
import StableDiffusion
import TensorKit
import TokenMerging

/// The time merging itself takes in one U-Net call, apart from what it saves: making all plans, and
/// merging and unmerging around self-attention in every block.
///
/// One block at a time and back to back, with warm caches: a lower bound. `TokenMergeTimes`
/// measures it inside a call.
struct MergeOverhead {
    /// Seconds for making every plan anew, on noise.
    let makingSeconds: Double
    /// Seconds for every merge and unmerge.
    let applyingSeconds: Double

    /// - Parameters:
    ///   - merging: a run whose plans may be made anew.
    ///   - lanes: the lanes that compute, one half each if there are two.
    ///   - elementType: type of features and merged tokens.
    ///   - runs: repetitions; medians count.
    init(
        _ merging: TokenMergeRun, lanes: ComputeLanes, elementType: ElementType, runs: Int
    ) throws {
        var making = 0.0
        var applying = 0.0
        var noise = TorchGenerator(seed: 1)
        for (index, layout) in merging.layouts.enumerated() where !layout.isIdentity {
            let block = try MergedBlock(
                index, merging, lanes: lanes, elementType: elementType, noise: &noise)
            // The first of each warms up.
            making += (0...runs).map { _ in block.makePlans() }.dropFirst().median(or: 0)
            applying += (0...runs).map { _ in block.apply() }.dropFirst().median(or: 0)
        }
        makingSeconds = making
        applyingSeconds = applying
    }

    /// The share of an unmerged call spent on merging, if plans are made every `period` calls.
    func share(period: Int, of unmergedSeconds: Double) -> Double {
        (makingSeconds / Double(period) + applyingSeconds) / unmergedSeconds
    }
}

extension Collection where Element == Double {
    /// The middle value, or a default if there is none.
    fileprivate func median(or other: Double) -> Double { isEmpty ? other : Array(self).median }
}

/// One transformer block's merging on noise, both halves.
private struct MergedBlock {
    private let index: Int
    private let merging: TokenMergeRun
    private let lanes: ComputeLanes
    /// By half.
    private let tokens: [Tensor]
    private let merged: [Tensor]
    private let results: [Tensor]
    private let hidden: [Tensor]

    init(
        _ index: Int, _ merging: TokenMergeRun, lanes: ComputeLanes, elementType: ElementType,
        noise: inout TorchGenerator
    ) throws {
        self.index = index
        self.merging = merging
        self.lanes = lanes
        let site = merging.sites[index]
        let whole = TensorShape(
            height: site.grid.height, width: site.grid.width, channels: site.channels)
        let short = TensorShape(
            tokens: merging.layouts[index].mergedCount, channels: site.channels)
        func tensors(_ shape: TensorShape, _ type: ElementType) throws -> [Tensor] {
            try (0..<2).map { _ in
                let memory = try Tensor(allocating: shape)
                return Tensor(storage: memory.storage, shape: shape, elementType: type)
            }
        }
        tokens = try tensors(whole, elementType)
        merged = try tensors(short, elementType)
        results = try tensors(short, .float32)
        hidden = try tensors(whole, .float32)
        for (half, target) in tokens.enumerated() {
            let values = try noise.tensor(whole)
            lanes.lanes[0].copy(values, into: target)
            lanes.lanes[0].copy(values, into: hidden[half])
        }
        for result in results { lanes.lanes[0].copy(try noise.tensor(short), into: result) }
    }

    /// Seconds for making the block's plan, or plans.
    func makePlans() -> Double {
        seconds {
            if merging.sharesPlans {
                merging.refresh(
                    index, half: 0, features: TokenFeatures(uncond: tokens[0], text: tokens[1]),
                    team: lanes.lanes[0].team)
            } else {
                forEachHalf { lane, half in
                    merging.refresh(
                        index, half: half, features: TokenFeatures(tokens[half]), team: lane.team)
                }
            }
        }
    }

    /// Seconds for merging, and for unmerging if queries merge too.
    func apply() -> Double {
        seconds {
            forEachHalf { lane, half in
                let plan = merging.plan(index, half: half)
                plan.merge(tokens[half], into: merged[half], lane: lane)
                guard merging.merger.scope == .queriesKeysValues else { return }
                plan.unmergeAdding(results[half], into: hidden[half], lane: lane)
            }
        }
    }

    private func forEachHalf(_ body: @escaping (ComputeLane, Int) -> Void) {
        lanes.run { lane, first in
            for half in stride(from: first, to: 2, by: lanes.lanes.count) { body(lane, half) }
        }
    }

    private func seconds(_ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        body()
        return (clock.now - start).seconds
    }
}
