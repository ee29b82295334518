// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// What the network predicts; raw values are diffusers' `prediction_type`.
package enum PredictionType: String, Sendable, CaseIterable {
    /// The noise ε.
    case epsilon
    /// The picture x₀.
    case sample
    /// The velocity √ᾱ·ε − √(1−ᾱ)·x₀.
    case vPrediction = "v_prediction"
}

/// How noise increases over the training timesteps.
enum BetaSchedule: String, Sendable, CaseIterable {
    case linear
    case scaledLinear = "scaled_linear"
    case squaredCosine = "squaredcos_cap_v2"
    case exponential = "exp"
}

/// How inference timesteps are picked (Lin and others, 2023, table 2).
enum TimestepSpacing: String, Sendable, CaseIterable {
    case linspace
    case leading
    case trailing
}

/// How the levels of noise are spaced over the steps.
enum SigmaSpacing: Sendable {
    /// By the timesteps.
    case timesteps
    case karras
    case exponential
    /// Evenly in λ (Lu and others, 2022).
    case lu
}

/// How Euler's sigmas are found between training timesteps.
enum InterpolationType: String, Sendable, CaseIterable {
    case linear
    case logLinear = "log_linear"
}

/// The last level of noise.
enum FinalSigmas: String, Sendable, CaseIterable {
    case zero
    case sigmaMin = "sigma_min"
}

/// Dynamic thresholding of the predicted picture (Imagen, section 2.3).
struct DynamicThresholding: Sendable {
    var ratio: Float
    var sampleMax: Float
}

/// A configuration as one class of scheduler reads it: every key has a value.
struct SchedulerParameters: Sendable {
    var method: SamplingMethod
    /// DDIM's η, TCD's γ.
    var eta: Float = 0
    var trainTimesteps = 1000
    var betaStart = 0.0001
    var betaEnd = 0.02
    var betaSchedule = BetaSchedule.linear
    var trainedBetas: [Double]?
    var betaRescaling = SchedulerTraits.BetaRescaling.none
    var prediction = PredictionType.epsilon
    var spacing = TimestepSpacing.linspace
    var stepsOffset = 0
    var sigmaSpacing = SigmaSpacing.timesteps
    var interpolation = InterpolationType.linear
    var finalSigmas = FinalSigmas.zero
    var sigmaMin: Double?
    var sigmaMax: Double?
    /// Euler's timesteps are 0.25 log σ (EDM).
    var usesContinuousTimesteps = false
    /// Largest magnitude of the predicted sample; `nil` for no limit.
    var clipSampleRange: Float?
    var thresholding: DynamicThresholding?
    var setAlphaToOne = false
    var skipPRKSteps = false
    var solver = SolverParameters()
    var originalInferenceSteps = 50
    var timestepScaling: Float = 10

    /// The diffusers class, for messages.
    var className: String { method.traits.className }
}

/// Parameters read only by the multistep solvers DPM-Solver and UniPC.
struct SolverParameters: Sendable {
    /// DPM-Solver's equation: ODE or SDE, in terms of noise or of data (`++`).
    enum Algorithm: String, Sendable, CaseIterable {
        case dpmSolver = "dpmsolver"
        case dpmSolverPlusPlus = "dpmsolver++"
        case sdeDPMSolver = "sde-dpmsolver"
        case sdeDPMSolverPlusPlus = "sde-dpmsolver++"

        var addsNoise: Bool { self == .sdeDPMSolver || self == .sdeDPMSolverPlusPlus }
        var predictsData: Bool { self == .dpmSolverPlusPlus || self == .sdeDPMSolverPlusPlus }
    }

    var order = 2
    var algorithm = Algorithm.dpmSolverPlusPlus
    /// DPM-Solver's second order by Heun's formula instead of the midpoint formula.
    var usesHeun = false
    /// UniPC's B(h) = h instead of exp(h) - 1.
    var usesBH1 = false
    var lowerOrderFinal = true
    var eulerAtFinal = false
    var lambdaMinClipped = -Double.infinity
    var predictsX0 = true
    var disableCorrector: [Int] = []
}
