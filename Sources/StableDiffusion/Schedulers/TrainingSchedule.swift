// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The noise levels that the network was trained at, one per training timestep.
///
/// Single precision with the roundings of diffusers: betas by `torch.linspace`, their cumulative
/// product accumulated in double precision, as torch's CPU `cumprod` does.
struct TrainingSchedule: Sendable {
    /// ᾱ, the share of the picture's variance.
    let alphasCumprod: [Float]
    /// σ = √((1 - ᾱ) / ᾱ), increasing.
    let sigmas: [Float]
    /// The natural logarithms of `sigmas`.
    let logSigmas: [Float]

    /// Builds the tables of a scheduler.
    init(_ parameters: SchedulerParameters) {
        var betas = Self.betas(parameters)
        if parameters.betaRescaling != .none { Self.rescaleToZeroTerminalSNR(&betas) }
        var alphasCumprod = Self.cumulativeProduct(betas)
        if parameters.betaRescaling == .aboveZero {
            alphasCumprod[alphasCumprod.count - 1] = 0x1p-24
        }
        self.alphasCumprod = alphasCumprod
        sigmas = alphasCumprod.map { ((1 - $0) / $0).squareRoot() }
        logSigmas = sigmas.map { log($0) }
    }

    private static func betas(_ parameters: SchedulerParameters) -> [Float] {
        if let trained = parameters.trainedBetas { return trained.map { Float($0) } }
        let count = parameters.trainTimesteps
        let (start, end) = (parameters.betaStart, parameters.betaEnd)
        switch parameters.betaSchedule {
        case .linear: return linspace(Float(start), Float(end), count)
        case .scaledLinear:
            return linspace(Float(start.squareRoot()), Float(end.squareRoot()), count).map {
                $0 * $0
            }
        case .squaredCosine:
            return betas(count) { time in
                let cosine = cos((time + 0.008) / 1.008 * .pi / 2)
                return cosine * cosine
            }
        case .exponential: return betas(count) { exp($0 * -12) }
        }
    }

    /// `betas_for_alpha_bar`: betas whose cumulative product follows a function of time in [0, 1].
    private static func betas(_ count: Int, _ alphaBar: (Double) -> Double) -> [Float] {
        (0..<count).map { index in
            let from = alphaBar(Double(index) / Double(count))
            let to = alphaBar(Double(index + 1) / Double(count))
            return Float(min(1 - to / from, 0.999))
        }
    }

    private static func cumulativeProduct(_ betas: [Float]) -> [Float] {
        var product = 1.0
        return betas.map { beta in
            product *= Double(1 - beta)
            return Float(product)
        }
    }

    /// Algorithm 1 of Lin and others, 2023: shifts √ᾱ so that the last timestep is pure noise.
    private static func rescaleToZeroTerminalSNR(_ betas: inout [Float]) {
        var roots = cumulativeProduct(betas).map { $0.squareRoot() }
        guard let first = roots.first, let last = roots.last else { return }
        let scale = first / (first - last)
        for index in roots.indices { roots[index] = (roots[index] - last) * scale }
        let alphaBars = roots.map { $0 * $0 }
        for index in betas.indices {
            let alpha = index == 0 ? alphaBars[0] : alphaBars[index] / alphaBars[index - 1]
            betas[index] = 1 - alpha
        }
    }

    /// `torch.linspace` in single precision: from both ends towards the middle, with fused
    /// products.
    static func linspace(_ start: Float, _ end: Float, _ count: Int) -> [Float] {
        guard count > 1 else { return [start] }
        let step = (end - start) / Float(count - 1)
        return (0..<count).map { index in
            index < count / 2
                ? start.addingProduct(step, Float(index))
                : end.addingProduct(-step, Float(count - 1 - index))
        }
    }
}
