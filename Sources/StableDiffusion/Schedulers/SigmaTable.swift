// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc

/// The noise levels of one run, a sigma per step and a final one, with their timesteps.
struct SigmaTable: Sendable {
    /// The network's timestep inputs, one per step.
    var timesteps: [Float]
    /// Noise levels, one more than steps, decreasing.
    var sigmas: [Float]

    /// `init_noise_sigma` of the schedulers whose samples are not scaled down (σ-space).
    func initialNoiseSigma(_ spacing: TimestepSpacing) -> Float {
        let largest = sigmas.max() ?? 1
        return spacing == .leading ? (largest * largest + 1).squareRoot() : largest
    }
}

extension SigmaTable {
    /// Whether two consecutive steps begin at the same level; the end may equal the last.
    fileprivate var repeatsLevels: Bool {
        let levels = sigmas.dropLast()
        return zip(levels, levels.dropFirst()).contains { $0 == $1 }
    }
}

extension SchedulerParameters {
    /// The table of a multistep method: it divides by the distance of earlier levels, and where
    /// that is zero diffusers' samplers end in NaN.
    ///
    /// - Parameters:
    ///   - order: steps that one step depends on; the first order divides by none.
    ///   - table: the table for a number of steps.
    /// - Throws: `stepCountOutOfRange` with the largest step count whose levels all differ.
    func distinctLevels(
        _ stepCount: Int, order: Int, _ table: (Int) -> SigmaTable
    ) throws(SchedulerError) -> SigmaTable {
        let wanted = table(stepCount)
        guard order > 1 || spacing == .leading, wanted.repeatsLevels else { return wanted }
        let most = (1..<max(stepCount, 2)).last { !table($0).repeatsLevels } ?? 1
        throw .stepCountOutOfRange(
            stepCount, allowed: 1...most,
            reason: """
                with timestep_spacing \(spacing.rawValue) two of them would be at one noise level \
                of the \(trainTimesteps) that the model was trained on
                """)
    }
}

extension SigmaTable {
    /// The table of Euler, ancestral Euler, LMS and Heun, before Heun doubles it.
    static func euler(_ parameters: SchedulerParameters, count: Int) -> SigmaTable {
        let training = TrainingSchedule(parameters)
        var timesteps = Timesteps.fractional(parameters, count: count)
        var sigmas: [Double]
        switch parameters.interpolation {
        case .linear: sigmas = timesteps.map { training.sigma(at: $0) }
        case .logLinear:
            let logSigmas = training.logSigmas
            sigmas = TrainingSchedule.linspace(
                logSigmas[logSigmas.count - 1], logSigmas[0], count + 1
            ).map { Double(exp($0)) }
        }
        if let spaced = respaced(parameters, sigmas, count: count) {
            sigmas = spaced
            timesteps = sigmas.map { training.timestep(of: $0) }
        }
        sigmas.append(parameters.finalSigmas == .zero ? 0 : Double(training.sigmas[0]))
        let rounded = sigmas.map { Float($0) }
        if parameters.usesContinuousTimesteps {
            return SigmaTable(timesteps: rounded.dropLast().map { 0.25 * log($0) }, sigmas: rounded)
        }
        return SigmaTable(timesteps: timesteps.map { Float($0) }, sigmas: rounded)
    }

    /// The table of DPM-Solver and UniPC, whose timesteps are whole.
    static func solver(_ parameters: SchedulerParameters, count: Int) -> SigmaTable {
        let training = TrainingSchedule(parameters)
        let isUniPC = parameters.method == .uniPC
        let end = isUniPC ? parameters.trainTimesteps : training.clippedEnd(parameters)
        var timesteps = Timesteps.solver(parameters, count: count, end: end)
        var sigmas = timesteps.map { training.sigma(at: $0) }
        var last = Double(training.sigmas[0])
        let all = training.sigmas.reversed().map { Double($0) }
        if let spaced = respaced(parameters, all, logarithms: training.logSigmas, count: count) {
            sigmas = spaced
            timesteps = sigmas.map { training.timestep(of: $0) }
            let isExact = parameters.sigmaSpacing == .exponential
            let rounds = !isExact && (isUniPC || parameters.betaSchedule != .squaredCosine)
            // Unrounded values are truncated: diffusers converts to integers.
            timesteps = timesteps.map { $0.rounded(rounds ? .toNearestOrEven : .towardZero) }
            if isUniPC { last = sigmas[sigmas.count - 1] }
        }
        sigmas.append(parameters.finalSigmas == .zero ? 0 : last)
        return SigmaTable(timesteps: timesteps.map { Float($0) }, sigmas: sigmas.map { Float($0) })
    }

    /// Sigmas between the given largest and smallest, by the chosen rule; `nil` for spacing by
    /// timestep.
    private static func respaced(
        _ parameters: SchedulerParameters, _ sigmas: [Double], logarithms: [Float] = [], count: Int
    ) -> [Double]? {
        let smallest = parameters.sigmaMin ?? sigmas[sigmas.count - 1]
        let largest = parameters.sigmaMax ?? sigmas[0]
        switch parameters.sigmaSpacing {
        case .timesteps: return nil
        case .karras:
            // Karras and others, 2022, equation 5.
            let rho = 7.0
            let (low, high) = (pow(smallest, 1 / rho), pow(largest, 1 / rho))
            return Timesteps.linspace(0, 1, count).map { pow(high + $0 * (low - high), rho) }
        case .exponential:
            return Timesteps.linspace(log(largest), log(smallest), count).map { exp($0) }
        case .lu:
            let (low, high) = (Double(logarithms[0]), Double(logarithms[logarithms.count - 1]))
            return Timesteps.linspace(0, 1, count).map { exp(high + $0 * (low - high)) }
        }
    }
}

extension TrainingSchedule {
    /// σ at a timestep, linear between training timesteps (`np.interp`).
    func sigma(at timestep: Double) -> Double {
        let index = Int(timestep)
        guard index < sigmas.count - 1 else { return Double(sigmas[sigmas.count - 1]) }
        guard timestep > 0 else { return Double(sigmas[0]) }
        let (low, high) = (Double(sigmas[index]), Double(sigmas[index + 1]))
        return (high - low) * (timestep - Double(index)) + low
    }

    /// The timestep of a σ, linear in log σ (`_sigma_to_t`).
    func timestep(of sigma: Double) -> Double {
        let logSigma = log(max(sigma, 1e-10))
        let above = logSigmas.firstIndex { Double($0) > logSigma } ?? logSigmas.count
        let low = min(max(above - 1, 0), logSigmas.count - 2)
        let (lower, upper) = (Double(logSigmas[low]), Double(logSigmas[low + 1]))
        let weight = min(max((lower - logSigma) / (lower - upper), 0), 1)
        return (1 - weight) * Double(low) + weight * Double(low + 1)
    }

    /// One past the last training timestep whose λ is at least `lambda_min_clipped`.
    func clippedEnd(_ parameters: SchedulerParameters) -> Int {
        let lambdas = alphasCumprod.map { log($0.squareRoot()) - log((1 - $0).squareRoot()) }
        let clipped = lambdas.count { Double($0) < parameters.solver.lambdaMinClipped }
        return max(alphasCumprod.count - clipped, 1)
    }
}
