// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import ImageCodec
package import StableDiffusion
import TensorKit
package import TokenMerging

/// How token similarities change over the steps of unmerged pictures: the evidence for caching
/// plans, the paper's section IV-E and Figure 3.
package struct SimilarityStudy {
    /// The agreement of plans made some calls apart.
    package struct Agreement: Sendable {
        /// The later call.
        package var callIndex: Int
        package var timestep: Double
        package var block: Int
        /// Calls from the earlier plan to the later.
        package var lag: Int
        /// Share of the windows with the same representative.
        package var representatives: Double
        /// Share of the sources that stay.
        package var sources: Double
    }

    /// Timesteps for which heat maps are shown, as in the paper.
    package static let shownTimesteps: [Float] = [0, 300, 600, 900]

    /// Makes ReToM's plans.
    private let merger: TokenMerger
    /// Calls between compared plans.
    private let lags: [Int]
    private let heatMapWindow: Int
    /// By block, then by shown timestep; of the first picture.
    package private(set) var heatMaps: [(site: TokenMergeSite, maps: [HeatMapSheet.Map])] = []
    package private(set) var agreements: [Agreement] = []
    /// Number of tokens in each block's windows.
    package private(set) var windowTokenCounts: [Int: Int] = [:]

    /// - Parameters:
    ///   - merging: ReToM's configuration; its period is ignored.
    ///   - lags: calls between compared plans, 1 and more.
    ///   - heatMapWindow: side of the window that heat maps show, in tokens.
    /// - Throws: `TokenMergeConfigurationError`.
    package init(
        merging: TokenMergeConfiguration, lags: [Int], heatMapWindow: Int
    ) throws(TokenMergeConfigurationError) {
        merger = try TokenMerger(merging)
        self.lags = lags
        self.heatMapWindow = heatMapWindow
    }

    /// Generates one picture without merging and examines its tokens.
    ///
    /// - Throws: `SimilarityStudyError` if no block would merge.
    package mutating func add(
        _ request: GenerationRequest, pipeline: StableDiffusionPipeline
    ) throws {
        var request = request
        request.tokenMerging = .none
        request.tokenMerging.featureSource = merger.featureSource
        let finest = pipeline.description.mergeSites(of: request).finestDownsample
        let recorder = TokenRecorder(halves: pipeline.description.halves(of: request)) {
            [merger] in merger.includes($0, finest: finest)
        }
        let run = try pipeline.begin(request, observer: recorder)
        let timesteps = run.timesteps
        let shown = Self.shownTimesteps.map { nearest($0, in: timesteps) }
        var cosines: [[TokenCosines]] = []
        var history: [[PlanChoices]] = []
        while let done = try run.next() {
            let recordings = recorder.all
            history.append(try choices(recordings, call: done - 1, request))
            note(history, recordings, timestep: timesteps[done - 1])
            if heatMaps.isEmpty, shown.contains(done - 1) {
                cosines.append(recordings.map(heatMap))
            }
        }
        guard !history.isEmpty, !history[0].isEmpty else { throw SimilarityStudyError() }
        guard heatMaps.isEmpty else { return }
        // From the last call to the first, as timesteps rise.
        let order = Array(Set(shown)).sorted()
        for (block, recording) in recorder.all.enumerated() {
            let maps = shown.map { call in
                let map = cosines[order.firstIndex(of: call) ?? 0][block]
                return HeatMapSheet.Map(
                    title: "t = \(Int(timesteps[call]))", values: map.values, side: map.side)
            }
            heatMaps.append((recording.site, maps))
        }
    }

    /// The call with the nearest timestep.
    private func nearest(_ wanted: Float, in timesteps: [Float]) -> Int {
        timesteps.indices.min {
            (timesteps[$0] - wanted).magnitude < (timesteps[$1] - wanted).magnitude
        } ?? 0
    }

    /// Plans of all blocks from one call's features.
    private mutating func choices(
        _ recordings: [TokenRecorder.Recording], call: Int, _ request: GenerationRequest
    ) throws -> [PlanChoices] {
        try recordings.map { recording in
            // A separate cache, so that the plan is fresh.
            let tokens = recording.features
            let cache = try TokenMergePlanCache(
                merger: merger, sites: [recording.site], seed: request.seed,
                halves: tokens.shape.batch)
            guard cache.mergesAnything else { throw SimilarityStudyError() }
            cache.begin(callIndex: call)
            let compared = cache.sharesPlans ? tokens : tokens.batch(0..<1)
            cache.refresh(0, half: 0, features: TokenFeatures(compared))
            let plan = cache.plan(0, half: 0)
            let layout = plan.layout
            windowTokenCounts[recording.site.index] =
                layout.tokenCount / max(layout.groupCount, 1)
            return PlanChoices(plan)
        }
    }

    private mutating func note(
        _ history: [[PlanChoices]], _ recordings: [TokenRecorder.Recording], timestep: Float
    ) {
        let last = history.count - 1
        for lag in lags where lag <= last {
            for (block, recording) in recordings.enumerated() {
                let (now, then) = (history[last][block], history[last - lag][block])
                agreements.append(
                    Agreement(
                        callIndex: last, timestep: Double(timestep), block: recording.site.index,
                        lag: lag, representatives: now.representativeAgreement(with: then),
                        sources: now.sourceAgreement(with: then)))
            }
        }
    }

    /// Similarities in the window in the middle of the map.
    private func heatMap(_ recording: TokenRecorder.Recording) -> TokenCosines {
        let grid = recording.site.grid
        let side = min(heatMapWindow, grid.width, grid.height)
        return TokenCosines(
            recording.features, x: (grid.width - side) / 2 / side * side,
            y: (grid.height - side) / 2 / side * side, windowSide: side)
    }
}

/// No block merges, so there is nothing to study.
package struct SimilarityStudyError: Error, Equatable, CustomStringConvertible {
    /// The problem and its remedy.
    package var description: String {
        """
        these settings merge nothing, so there is nothing to look at; raise --merge-ratio or \
        choose --merge-layers all
        """
    }
}
