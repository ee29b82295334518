// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Unified predictor-corrector (Zhao and others, 2023), diffusers' `UniPCMultistepScheduler`.
///
/// Each output first corrects the step that led to it, then predicts the next one.
package struct UniPCMultistepScheduler: ConfiguredScheduler {
    package let timesteps: [Float]
    package let initialNoiseSigma: Float = 1
    package var history: SchedulerHistory

    private let parameters: SchedulerParameters
    private let levels: [SignalNoise]
    private let predictors: [UniPCUpdate]
    private let correctors: [UniPCUpdate?]
    private var converted: [Float]
    private var scratch: [Float]

    static let traits = SchedulerTraits(
        betaRescaling: .aboveZero, sigmaChoice: .byFile, readsFinalSigmas: true,
        readsThresholding: true)

    static func readOwnKeys(
        of file: SchedulerConfiguration, into parameters: inout SchedulerParameters
    ) throws(SchedulerError) {
        try file.readSolver(&parameters)
        let type = file.solverType ?? "bh2"
        guard ["bh1", "bh2", "midpoint", "heun", "logrho"].contains(type) else {
            throw .unknownValue(key: "solver_type", value: type, known: ["bh1", "bh2"])
        }
        parameters.solver.usesBH1 = type == "bh1"
        parameters.solver.predictsX0 = file.predictX0 ?? true
        parameters.solver.disableCorrector = file.disableCorrector ?? []
        if !parameters.solver.predictsX0, parameters.finalSigmas == .zero {
            throw file.unsupported(
                parameters, "predict_x0 false and a last sigma of zero",
                "set final_sigmas_type to sigma_min")
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
        let levels = table.sigmas.map { SignalNoise(ratio: $0) }
        self.levels = levels
        let solver = parameters.solver
        let count = timesteps.count
        let orders = (0..<count).map { index in
            // Orders of 2 and more divide by the step, which is infinite towards no noise.
            if levels[index + 1].lambda.isInfinite { return 1 }
            let limit = solver.lowerOrderFinal ? min(solver.order, count - index) : solver.order
            return min(limit, index + 1)
        }
        predictors = (0..<count).map {
            UniPCUpdate(levels, from: $0, order: orders[$0], solver, corrects: false)
        }
        correctors = (0..<count).map { index in
            guard index > 0, !solver.disableCorrector.contains(index - 1) else { return nil }
            return UniPCUpdate(
                levels, from: index - 1, order: orders[index - 1], solver, corrects: true)
        }
        let names = (0..<solver.order).map { "model_output_\($0)" } + ["last_sample"]
        history = SchedulerHistory(parameters.method, names: names, sampleCount: sampleCount)
        converted = Array(repeating: 0, count: sampleCount)
        scratch = converted
    }

    package mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source
    ) {
        let (output, sample) = history.begin(stepIndex, modelOutput, sample)
        let (count, parameters, level) = (history.sampleCount, parameters, levels[stepIndex])
        let (predictor, corrector) = (predictors[stepIndex], correctors[stepIndex])
        let order = parameters.solver.order
        converted.withUnsafeMutableBufferPointer { converted in
            scratch.withUnsafeMutableBufferPointer { scratch in
                guard let converted = converted.baseAddress, let scratch = scratch.baseAddress
                else { return }
                parameters.convert(
                    output, sample, level, into: converted, scratch: scratch, count: count)
            }
            guard let converted = converted.baseAddress else { return }
            history.withBuffers { buffers in
                let last = buffers[order]
                corrector?.apply(buffers, this: converted, from: last, to: sample, count: count)
                for i in 0..<count { last[i] = sample[i] }
            }
            history.rotate(first: order)
            history.withBuffers { buffers in
                let newest = buffers[0]
                for i in 0..<count { newest[i] = converted[i] }
                predictor.apply(
                    buffers, this: nil, from: buffers[order], to: sample, count: count)
            }
        }
        history.completeStep()
    }
}

/// One predictor or corrector step as coefficients, computed when the scheduler is created.
struct UniPCUpdate: Sendable {
    /// x: coefficient of the sample at the start of the step.
    private let sample: Float
    /// Coefficient of the output there.
    private let output: Float
    /// Coefficient of the weighted differences, αB(h) or σB(h).
    private let residual: Float
    /// Steps back to the earlier outputs, in units of this step.
    private var ratios: [Float] = []
    /// Weights of the differences to the earlier outputs, and of this step's own output.
    private var weights: [Float] = []

    init(
        _ levels: [SignalNoise], from index: Int, order: Int, _ solver: SolverParameters,
        corrects: Bool
    ) {
        let (from, to) = (levels[index], levels[index + 1])
        let h = to.lambda - from.lambda
        let hh = solver.predictsX0 ? -h : h
        let growth = expm1(hh)
        let scale = solver.usesBH1 ? hh : growth
        if solver.predictsX0 {
            sample = to.sigma / from.sigma
            output = to.alpha * growth
            residual = to.alpha * scale
        } else {
            sample = to.alpha / from.alpha
            output = to.sigma * growth
            residual = to.sigma * scale
        }
        // A step between equal levels changes nothing, and has nothing to divide by.
        guard h != 0 else { return }
        ratios = (1..<max(order, 1)).map { (levels[index - $0].lambda - from.lambda) / h }
        let size = corrects ? order : order - 1
        switch (corrects, order) {
        case (true, 1), (false, 2): weights = [0.5]
        case (false, 1): weights = []
        default: weights = Self.solve(ratios + [1], hh, growth, scale, size)
        }
    }

    /// Solves R·ρ = b of the paper's theorem 3.1 for the first `size` weights.
    private static func solve(
        _ ratios: [Float], _ hh: Float, _ growth: Float, _ scale: Float, _ size: Int
    ) -> [Float] {
        var phi = growth / hh - 1
        var factorial: Float = 1
        var rows: [[Float]] = []
        for power in 0..<size {
            var row = ratios.prefix(size).map { ratio in
                (0..<power).reduce(Float(1)) { product, _ in product * ratio }
            }
            row.append(phi * factorial / scale)
            rows.append(row)
            factorial *= Float(power + 2)
            phi = phi / hh - 1 / factorial
        }
        // Gaussian elimination with partial pivoting, as in LAPACK.
        for column in 0..<size {
            let pivot = (column..<size).max { abs(rows[$0][column]) < abs(rows[$1][column]) }
            rows.swapAt(column, pivot ?? column)
            for row in column + 1..<max(size, column + 1) {
                let factor = rows[row][column] / rows[column][column]
                for entry in column...size { rows[row][entry] -= factor * rows[column][entry] }
            }
        }
        var weights = [Float](repeating: 0, count: size)
        for row in (0..<size).reversed() {
            var value = rows[row][size]
            for entry in row + 1..<max(size, row + 1) { value -= rows[row][entry] * weights[entry] }
            weights[row] = value / rows[row][row]
        }
        return weights
    }

    /// Steps from `start` into `sample`.
    ///
    /// `this` is the output at the end of the step, which only a corrector has; the newest output
    /// in `buffers` is the one at its start.
    func apply(
        _ buffers: SchedulerHistory.Buffers, this: UnsafePointer<Float>?,
        from start: UnsafePointer<Float>, to sample: UnsafeMutablePointer<Float>, count: Int
    ) {
        let newest = buffers[0]
        for i in 0..<count {
            var difference: Float = 0
            for (index, ratio) in ratios.enumerated() {
                difference += weights[index] * ((buffers[index + 1][i] - newest[i]) / ratio)
            }
            if let this, let weight = weights.last {
                difference += weight * (this[i] - newest[i])
            }
            let base = self.sample * start[i] - output * newest[i]
            // Without differences the residual may be infinite.
            sample[i] = weights.isEmpty ? base : base - residual * difference
        }
    }
}
