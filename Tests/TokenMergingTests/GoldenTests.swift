// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import Testing
import TokenMerging

/// The compared methods against independent references: ToMeSD's package, scikit-learn's
/// clustering, torch's resizing, and our own rewrite of the importance-based procedure in torch and
/// numpy, because it has no package.
@Suite struct GoldenTests {
    /// Sums of a few f32 values in another order.
    static let tolerance: Float = 1e-6

    @Test func tomeMergesWhatToMeSDMerges() throws {
        for golden in try Goldens<ToMeGolden>.load("tome") {
            var configuration = TokenMergeConfiguration(method: "tome")
            configuration.ratio = golden.ratio
            configuration.strideX = golden.sx
            configuration.strideY = golden.sy
            configuration.usesRandomDestinations = golden.call != nil
            let features = try makeTensor(golden.features, golden.shape)
            let plan = try TokenMerger(configuration).makePlan(
                features, callIndex: golden.call ?? 0, seed: 7, siteIndex: 3)
            let merged = values(of: try plan.merged(features))
            let rowCount = plan.layout.mergedCount
            #expect(rowCount == golden.groups[0].count)
            for sample in 0..<golden.batch {
                let expected = golden.groups[sample].map { $0.sorted() }
                #expect(plan.partition(part: sample) == Set(expected))
                // Rows are in a different order: compare each with the row of the same tokens.
                for row in 0..<rowCount {
                    let members = plan.members(ofRow: row, part: sample).sorted()
                    let other = try #require(expected.firstIndex(of: members))
                    let channels = golden.channels
                    let ours = (sample * rowCount + row) * channels
                    let theirs = (sample * rowCount + other) * channels
                    #expect(
                        largestDifference(
                            Array(merged[ours..<(ours + channels)]),
                            Array(golden.merged[theirs..<(theirs + channels)])) <= Self.tolerance)
                }
            }
            let unmerged = try plan.unmerged(plan.merged(features))
            #expect(largestDifference(values(of: unmerged), golden.unmerged) <= Self.tolerance)
        }
    }

    @Test func atcMakesTheClustersOfScikitLearn() throws {
        for golden in try Goldens<ATCGolden>.load("atc") {
            let features = try makeTensor(
                golden.features,
                TensorShape(
                    height: golden.height, width: golden.width, channels: golden.channels))
            for partition in golden.partitions {
                var configuration = TokenMergeConfiguration(method: "atc")
                configuration.ratio = partition.ratio
                configuration.linkage = partition.linkage
                let plan = try TokenMerger(configuration).makePlan(features)
                let expected = Dictionary(grouping: partition.labels.indices) {
                    partition.labels[$0]
                }
                #expect(
                    plan.partition() == Set(expected.values.map { $0.sorted() }),
                    "\(golden.height)×\(golden.width), \(partition.linkage), \(partition.ratio)")
            }
        }
    }

    @Test func importanceMergesWhatThePublishedProcedureMerges() throws {
        for golden in try Goldens<ImportanceGolden>.load("importance") {
            var configuration = TokenMergeConfiguration(method: "importance")
            configuration.ratio = golden.ratio
            let features = try makeTensor(
                golden.features,
                TensorShape(
                    batch: 2, height: golden.height, width: golden.width,
                    channels: golden.channels))
            let map = TokenImportanceMap(
                grid: TokenGrid(height: golden.map_height, width: golden.map_width),
                values: golden.importance)
            let plan = try TokenMerger(configuration).makePlan(
                features, callIndex: golden.call, seed: 7, siteIndex: 3, importance: map)
            for sample in 0..<2 {
                let expected = Set(golden.groups[sample].map { $0.sorted() })
                #expect(plan.partition(part: sample) == expected)
            }
        }
    }

    /// Before importance is known, ToMeSD's matching decides and destinations keep their values.
    @Test func importanceStartsWithPruning() throws {
        let golden = try #require(try Goldens<ToMeGolden>.load("tome").first { $0.call == 0 })
        var configuration = TokenMergeConfiguration(method: "importance")
        configuration.ratio = golden.ratio
        let features = try makeTensor(golden.features, golden.shape)
        let plan = try TokenMerger(configuration).makePlan(
            features, callIndex: 0, seed: 7, siteIndex: 3)
        #expect(plan.alpha == .weight(1))
        #expect(plan.partition() == Set(golden.groups[0].map { $0.sorted() }))
        let merged = try plan.merged(features)
        for row in 0..<plan.layout.mergedCount {
            let destination = plan.members(ofRow: row)[0]
            for channel in 0..<golden.channels {
                #expect(
                    merged.floats[row * golden.channels + channel]
                        == features.floats[destination * golden.channels + channel])
            }
        }
    }

    /// The mean over channels of |ε_text − ε_uncond|.
    @Test func importanceIsWhatGuidanceChanged() throws {
        let shape = TensorShape(height: 1, width: 2, channels: 4)
        let uncond = try makeTensor([1, 2, 3, 4, 0, 0, 0, 0], shape)
        let text = try makeTensor([2, 0, 3, 5, -4, 4, 0, 8], shape)
        var map = TokenImportanceMap(grid: TokenGrid(height: 1, width: 2))
        map.update(noisePredictionUncond: uncond, noisePredictionText: text)
        #expect(map.values == [1, 4])
    }

    @Test func todoTakesTheTokensOfNearestInterpolation() throws {
        for golden in try Goldens<ToDoGolden>.load("todo") {
            var configuration = TokenMergeConfiguration(method: "todo")
            configuration.downsampleFactor = golden.factor
            let shape = TensorShape(height: golden.height, width: golden.width, channels: 1)
            let index = try makeTensor((0..<shape.tokenCount).map { Float($0) }, shape)
            let plan = try TokenMerger(configuration).makePlan(index)
            #expect(values(of: try plan.merged(index)) == golden.tokens.map { Float($0) })
        }
    }
}
