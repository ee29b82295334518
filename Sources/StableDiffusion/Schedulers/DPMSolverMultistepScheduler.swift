// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc

/// DPM-Solver and DPM-Solver++ as multistep methods, diffusers' `DPMSolverMultistepScheduler`.
///
/// Lu and others, 2022: orders 1 to 3, as ODE and as SDE. "DPM++ 2M" is its default.
package struct DPMSolverMultistepScheduler: ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float = 1
    package var history: SchedulerHistory

    private let parameters: SchedulerParameters
    private let levels: [SignalNoise]
    private var scratch: [Float]

    static let traits = SchedulerTraits(
        betaRescaling: .aboveZero, sigmaChoice: .byFile, readsFinalSigmas: true,
        readsThresholding: true)

    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError) {
        try file.readSolver(&parameters)
        let algorithm = file.algorithmType == "deis" ? "dpmsolver++" : file.algorithmType
        parameters.solver.algorithm = try file.value(
            algorithm, .dpmSolverPlusPlus, "algorithm_type")
        let type = file.solverType ?? "midpoint"
        guard ["midpoint", "heun", "logrho", "bh1", "bh2"].contains(type) else {
            throw .unknownValue(key: "solver_type", value: type, known: ["midpoint", "heun"])
        }
        parameters.solver.usesHeun = type == "heun"
        parameters.solver.eulerAtFinal = file.eulerAtFinal ?? false
        let usesLu = file.useLuLambdas ?? false
        if usesLu, parameters.sigmaSpacing != .karras { parameters.sigmaSpacing = .lu }
        parameters.solver.lambdaMinClipped = file.lambdaMinClipped ?? -.infinity
        if let variance = file.varianceType, ["learned", "learned_range"].contains(variance) {
            throw file.unsupported(
                parameters, "variance_type \(variance)",
                "only networks that predict noise alone can be sampled")
        }
        if !parameters.solver.algorithm.predictsData, parameters.finalSigmas == .zero {
            let algorithm = parameters.solver.algorithm.rawValue
            throw file.unsupported(
                parameters, "algorithm_type \(algorithm) and a last sigma of zero",
                "set final_sigmas_type to sigma_min or algorithm_type to dpmsolver++")
        }
        if parameters.solver.algorithm == .sdeDPMSolver, parameters.solver.order == 3 {
            throw file.unsupported(
                parameters, "algorithm_type sde-dpmsolver at order 3", "set solver_order to 2")
        }
    }

    init(
        _ parameters: SchedulerParameters, stepCount: Int, sampleCount: Int
    ) throws(SchedulerError) {
        self.parameters = parameters
        let table = try parameters.distinctLevels(stepCount, order: parameters.solver.order) {
            SigmaTable.solver(parameters, count: $0)
        }
        timesteps = table.timesteps
        levels = table.sigmas.map { SignalNoise(ratio: $0) }
        let names = (0..<parameters.solver.order).map { "model_output_\($0)" }
        history = SchedulerHistory(parameters.method, names: names, sampleCount: sampleCount)
        scratch = Array(repeating: 0, count: sampleCount)
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let update = Update(levels, stepIndex, order(at: stepIndex), parameters.solver)
        let (count, parameters, level) = (history.sampleCount, parameters, levels[stepIndex])
        history.rotate(first: parameters.solver.order)
        scratch.withUnsafeMutableBufferPointer { buffer in
            guard let scratch = buffer.baseAddress else { return }
            history.withBuffers { buffers in
                parameters.convert(
                    output, sample, level, into: buffers[0], scratch: scratch, count: count)
                if parameters.solver.algorithm.addsNoise { noise.fillNormal(buffer) }
                update.apply(buffers, noise: scratch, to: sample, count: count)
            }
        }
        history.completeStep()
    }

    private func order(at stepIndex: Int) -> Int {
        let solver = parameters.solver
        let remaining = timesteps.count - stepIndex
        let isShort = timesteps.count < 15
        let endsAtFirst =
            solver.eulerAtFinal || (solver.lowerOrderFinal && isShort)
            || parameters.finalSigmas == .zero
        // Between two equal levels there is nothing to divide by, and nothing to do.
        let isStill = levels[stepIndex].lambda == levels[stepIndex + 1].lambda
        var order = min(solver.order, stepIndex + 1)
        if remaining == 2, solver.lowerOrderFinal, isShort { order = min(order, 2) }
        return (remaining == 1 && endsAtFirst) || isStill ? 1 : order
    }

    /// One step as coefficients of the sample and of differences of outputs.
    private struct Update {
        var order: Int
        var sample: Float
        var outputs: (Float, Float, Float) = (0, 0, 0)
        var noise: Float = 0
        /// The ratios of the previous steps to this one, h₀/h and h₁/h.
        var ratios: (Float, Float) = (1, 1)

        init(_ levels: [SignalNoise], _ stepIndex: Int, _ order: Int, _ solver: SolverParameters) {
            self.order = order
            let (to, from) = (levels[stepIndex + 1], levels[stepIndex])
            let h = to.lambda - from.lambda
            if order > 1 { ratios.0 = (from.lambda - levels[stepIndex - 1].lambda) / h }
            if order > 2 {
                ratios.1 = (levels[stepIndex - 1].lambda - levels[stepIndex - 2].lambda) / h
            }
            // Every equation is sample·x + a₀D₀ + a₁D₁ + a₂D₂ + noise·z, D_i the i-th difference.
            let usesHeun = solver.usesHeun || order == 3
            switch solver.algorithm {
            case .dpmSolverPlusPlus:
                let growth = exp(-h) - 1
                sample = to.sigma / from.sigma
                outputs.0 = -(to.alpha * growth)
                outputs.1 =
                    usesHeun ? to.alpha * (growth / h + 1) : -0.5 * (to.alpha * growth)
                outputs.2 = -(to.alpha * ((growth + h) / (h * h) - 0.5))
            case .dpmSolver:
                let growth = exp(h) - 1
                sample = to.alpha / from.alpha
                outputs.0 = -(to.sigma * growth)
                outputs.1 =
                    usesHeun ? -(to.sigma * (growth / h - 1)) : -0.5 * (to.sigma * growth)
                outputs.2 = -(to.sigma * ((growth - h) / (h * h) - 0.5))
            case .sdeDPMSolverPlusPlus:
                let decay = 1 - exp(-2 * h)
                sample = to.sigma / from.sigma * exp(-h)
                outputs.0 = to.alpha * decay
                outputs.1 =
                    usesHeun ? to.alpha * (decay / (-2 * h) + 1) : 0.5 * (to.alpha * decay)
                outputs.2 = to.alpha * ((decay - 2 * h) / ((2 * h) * (2 * h)) - 0.5)
                noise = to.sigma * decay.squareRoot()
            case .sdeDPMSolver:
                let growth = exp(h) - 1
                sample = to.alpha / from.alpha
                outputs.0 = -2 * (to.sigma * growth)
                outputs.1 =
                    usesHeun ? -2 * (to.sigma * (growth / h - 1)) : -(to.sigma * growth)
                noise = to.sigma * (exp(2 * h) - 1).squareRoot()
            }
        }

        func apply(
            _ buffers: SchedulerHistory.Buffers, noise: UnsafePointer<Float>,
            to sample: UnsafeMutablePointer<Float>, count: Int
        ) {
            let newest = buffers[0]
            let (inverse0, inverse1) = (1 / ratios.0, 1 / ratios.1)
            switch order {
            case 1:
                for i in 0..<count { sample[i] = self.sample * sample[i] + outputs.0 * newest[i] }
            case 2:
                let older = buffers[1]
                for i in 0..<count {
                    let difference = inverse0 * (newest[i] - older[i])
                    let base = self.sample * sample[i] + outputs.0 * newest[i]
                    sample[i] = base + outputs.1 * difference
                }
            default:
                let (older, oldest) = (buffers[1], buffers[2])
                let sum = ratios.0 + ratios.1
                for i in 0..<count {
                    let recent = inverse0 * (newest[i] - older[i])
                    let curve = recent - inverse1 * (older[i] - oldest[i])
                    let first = recent + ratios.0 / sum * curve
                    let second = 1 / sum * curve
                    let base = self.sample * sample[i] + outputs.0 * newest[i]
                    sample[i] = base + outputs.1 * first + outputs.2 * second
                }
            }
            guard self.noise != 0 else { return }
            for i in 0..<count { sample[i] += self.noise * noise[i] }
        }
    }
}

extension SchedulerParameters {
    /// The quantity the solvers extrapolate: the predicted picture, or the predicted noise.
    func convert(
        _ output: UnsafePointer<Float>, _ sample: UnsafePointer<Float>, _ level: SignalNoise,
        into converted: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        let (alpha, sigma) = (level.alpha, level.sigma)
        let predictsData =
            method == .uniPC ? solver.predictsX0 : solver.algorithm.predictsData
        if predictsData {
            SampleMath.predictOriginal(
                prediction, output: output, sample: sample, alpha: alpha, beta: sigma,
                into: converted, count: count)
            if let thresholding {
                SampleMath.threshold(converted, thresholding, scratch: scratch, count: count)
            }
            return
        }
        SampleMath.predictNoise(
            prediction, output: output, sample: sample, alpha: alpha, beta: sigma,
            into: converted, count: count)
        // UniPC thresholds only pictures.
        guard let thresholding, method != .uniPC else { return }
        for i in 0..<count { converted[i] = (sample[i] - sigma * converted[i]) / alpha }
        SampleMath.threshold(converted, thresholding, scratch: scratch, count: count)
        for i in 0..<count { converted[i] = (sample[i] - alpha * converted[i]) / sigma }
    }
}
