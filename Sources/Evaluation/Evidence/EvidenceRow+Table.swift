// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// The rows of the paper's Tables I and II (arXiv 2507.12771), and controls that it lacks.
///
/// The paper merges in all layers; its R is not given, and 0.5 is the reading that fits its times
/// (`r = N_W · R`).
extension EvidenceRow {
    package static let unmerged = EvidenceRow(
        "none", model: "no merging", merging: .none,
        published: Published(fid: 37.02, clip: 38.10, secondsPerImage: 2.62))

    package static let tomeSD = EvidenceRow(
        "tome", model: "ToMeSD", window: "fixed (2)", destination: "random",
        merging: allLayers("tome"),
        published: Published(fid: 37.20, clip: 36.00, secondsPerImage: 2.10))

    package static let atc = EvidenceRow(
        "atc", model: "ATC", merging: allLayers("atc"),
        published: Published(fid: 36.96, clip: 37.47, secondsPerImage: 110.25))

    package static let fixed2 = fixed(2, Published(fid: 35.00, clip: 37.90, secondsPerImage: 2.25))
    package static let fixed8 = fixed(8, Published(fid: 35.20, clip: 37.05, secondsPerImage: 2.19))
    package static let fixed16 = fixed(
        16, Published(fid: 36.53, clip: 37.73, secondsPerImage: 2.17))

    /// Its tokens are drawn with every plan, so that a draw is kept for five calls.
    package static let random = paper(
        "random", "adaptive", "random",
        Published(fid: 37.11, clip: 38.81, secondsPerImage: 2.15)
    ) { $0.destination = .random }

    package static let mostRepresentative = paper(
        "retom", "adaptive", "representative",
        Published(fid: 34.89, clip: 39.40, secondsPerImage: 2.17, ssim: 0.74))

    package static let leastRepresentative = paper(
        "least", "adaptive", "least representative", Published(fid: 36.26, ssim: 0.72)
    ) { $0.destination = .least }

    package static let otherSeeds = EvidenceRow(
        "none-other-seeds", model: "no merging", destination: "other seeds",
        merging: .none, seedOffset: seedSpan)

    package static let periodOne = paper("period-1", "adaptive", "representative, each call") {
        $0.period = 1
    }

    package static let randomEachCall = paper("random-each-call", "adaptive", "random, each call") {
        $0.destination = .random
        $0.period = 1
    }

    /// Table I as the paper has it.
    package static let table1 = [
        unmerged, tomeSD, atc, fixed2, fixed8, fixed16, random, mostRepresentative,
    ]

    /// What tells whether a difference in Table I comes from the choice of the token.
    package static let controls: [EvidenceRow] = [
        otherSeeds, leastRepresentative,
        paper("first", "adaptive", "first token") { $0.destination = .first },
        randomEachCall,
        paper("random-once", "adaptive", "random, one plan per image") {
            $0.destination = .random
            $0.refreshCalls = [0]
        },
        periodOne,
        paper("per-half", "adaptive", "representative, a plan per half") {
            $0.sharing = .perSample
        },
        paper("proportional", "adaptive", "representative, proportional attention") {
            $0.usesProportionalAttention = true
        },
        paper("shifted", "adaptive", "representative, shifted windows") {
            $0.shiftsWindows = true
        },
        EvidenceRow(
            "default", model: "ReToM, our default", window: "2, shifted, top layers",
            destination: "representative",
            merging: TokenMergeConfiguration()),
        EvidenceRow(
            "tome-top", model: "ToMeSD", window: "2, top layers", destination: "random",
            merging: TokenMergeConfiguration(method: "tome")),
    ]

    private static func allLayers(_ method: String) -> TokenMergeConfiguration {
        var merging = TokenMergeConfiguration(method: method)
        merging.maximumDownsample = 8
        return merging
    }

    private static func fixed(_ side: Int, _ published: Published) -> EvidenceRow {
        paper("fixed-\(side)", "fixed (\(side))", "representative", published) {
            $0.window = .fixed(side)
        }
    }

    private static func paper(
        _ id: String, _ window: String, _ destination: String, _ published: Published? = nil,
        _ change: (inout TokenMergeConfiguration) -> Void = { _ in }
    ) -> EvidenceRow {
        var merging = TokenMergeProfile.paper.configuration
        change(&merging)
        return EvidenceRow(
            id, model: "ReToM", window: window, destination: destination, merging: merging,
            published: published)
    }
}
