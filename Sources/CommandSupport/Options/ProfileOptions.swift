// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import GenerationTypes

/// How much fidelity is given for speed, in one word.
package enum GenerationProfile: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// f32, unmerged: the picture of diffusers.
    case exact
    /// Unmerged, in the processor's fastest format.
    case quality
    /// With half of the finest tokens merged: the defaults.
    case balanced
    /// With three quarters of them merged, and every second output forecast where that is sound.
    case fast
}

/// `--profile`: precision, merging and forecast together.
package struct ProfileOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Fidelity or speed: exact is f32 and merges nothing, quality merges nothing, balanced \
            merges half of the finest tokens, fast three quarters and forecasts where that is \
            sound. --precision, --merge… and --forecast come first (default: balanced).
            """, valueName: GenerationProfile.allCases.map(\.rawValue).joined(separator: "|")))
    package var profile: GenerationProfile?

    package init() {}

    /// Steps per call of the U-Net where the sampler allows it; `nil` for all steps.
    package var forecastIfSound: Int? { profile == .fast ? 2 : nil }

    /// How to compute: the profile's precision where none was given.
    package func applied(to compute: ComputeOptions) -> ComputeOptions {
        var compute = compute
        if profile == .exact { compute.precision = compute.precision ?? "f32" }
        return compute
    }

    /// Which tokens merge: the profile's where nothing was given.
    package func applied(to merging: MergeOptions) -> MergeOptions {
        guard !merging.isGiven else { return merging }
        var merging = merging
        switch profile {
        case .exact, .quality: merging.merge = "none"
        case .fast: merging.mergeProfile = .fast
        case .balanced, nil: break
        }
        return merging
    }
}
