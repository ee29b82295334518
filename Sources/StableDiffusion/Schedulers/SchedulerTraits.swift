// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// The keys that a diffusers class reads from a `scheduler_config.json`, and its defaults.
///
/// A default that a class leaves out is the one that most classes have.
struct SchedulerTraits: Sendable {
    /// How a class handles `rescale_betas_zero_snr`.
    enum BetaRescaling: Sendable {
        /// Not read.
        case none
        /// The last ᾱ is 0.
        case toZero
        /// The last ᾱ is the smallest half-precision number, because the class divides by it.
        case aboveZero
    }

    /// Where a spacing of noise levels other than by timesteps may come from.
    enum SigmaChoice: Sendable {
        /// Nowhere: there are no sigmas.
        case none
        /// `--scheduler` alone.
        case byRequest
        /// `--scheduler` and keys of the file.
        case byFile
    }

    /// `beta_start`.
    var betaStart = 0.0001
    /// `beta_end`.
    var betaEnd = 0.02
    /// `beta_schedule`.
    var betaSchedule = BetaSchedule.linear
    /// Whether `beta_schedule` may be `exp`.
    var allowsExponentialBetas = false
    var betaRescaling = BetaRescaling.none
    /// The predictions the network may make.
    var predictions = PredictionType.allCases
    /// `timestep_spacing`.
    var spacing = TimestepSpacing.linspace
    /// Whether the timesteps are those the model was distilled at, regardless of the spacing.
    var hasDistilledTimesteps = false
    var sigmaChoice = SigmaChoice.none
    /// Whether `sigma_min` and `sigma_max` limit Karras sigmas.
    var limitsKarrasSigmas = true
    /// Whether `final_sigmas_type` is read.
    var readsFinalSigmas = false
    /// `set_alpha_to_one`.
    var setsAlphaToOne = true
    /// `clip_sample`; `nil` if it is not read.
    var clipsSample: Bool?
    /// Whether `thresholding` is read.
    var readsThresholding = false
}

/// A scheduler created from a `scheduler_config.json`.
protocol ConfiguredScheduler: NoiseScheduler {
    /// The keys that its class reads, and their defaults.
    static var traits: SchedulerTraits { get }

    /// Reads the keys that only this class has, after all others.
    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError)

    /// Creates the scheduler of one image of `sampleCount` latents.
    init(
        _ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int
    ) throws(SchedulerError)
}

extension ConfiguredScheduler {
    /// Most classes have no keys of their own.
    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError) {}
}
