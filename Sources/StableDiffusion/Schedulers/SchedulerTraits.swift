// SPDX-License-Identifier: Apache-2.0

internal import GenerationTypes

/// What a class of diffusers reads of a `scheduler_config.json`, and its defaults.
///
/// A value that a class leaves out is the one that most classes have.
struct SchedulerTraits: Sendable {
    /// What a class makes of `rescale_betas_zero_snr`.
    enum BetaRescaling: Sendable {
        /// Not read.
        case none
        /// The last ᾱ is 0.
        case toZero
        /// The last ᾱ is half precision's smallest number, because the class divides by it.
        case aboveZero
    }

    /// Where noise levels are spaced by anything but timesteps.
    enum SigmaChoice: Sendable {
        /// Nowhere: there are no sigmas.
        case none
        /// By `--scheduler` alone.
        case byRequest
        /// By `--scheduler` and by keys of the file.
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
    /// What the network may predict.
    var predictions = PredictionType.allCases
    /// `timestep_spacing`.
    var spacing = TimestepSpacing.linspace
    /// Whether the timesteps are those the model was distilled at, whatever the spacing.
    var hasDistilledTimesteps = false
    var sigmaChoice = SigmaChoice.none
    /// Whether `sigma_min` and `sigma_max` limit Karras sigmas.
    var limitsKarrasSigmas = true
    /// Whether `final_sigmas_type` is read.
    var readsFinalSigmas = false
    /// `set_alpha_to_one`.
    var setsAlphaToOne = true
    /// `clip_sample`; `nil` where it is not read.
    var clipsSample: Bool?
    /// Whether `thresholding` is read.
    var readsThresholding = false
}

/// A scheduler that is made from a `scheduler_config.json`.
protocol ConfiguredScheduler: NoiseScheduler {
    /// Which keys its class reads, and their defaults.
    static var traits: SchedulerTraits { get }

    /// Reads the keys that only this class has, after all others.
    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError)

    /// Makes the scheduler of one image of `sampleCount` latents.
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
