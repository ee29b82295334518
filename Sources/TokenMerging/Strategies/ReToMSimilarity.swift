// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit

/// Algorithm 1, lines 6–8, in time linear in the size of a window.
///
/// With unit tokens x̂ and S = Σ_j x̂_j, the sum of equation 1 is
///
///     Σ_{j ≠ i} cosSim(x_i, x_j) = x̂_i · S − x̂_i · x̂_i
///
/// so a window of any size costs O(N_W · C) instead of O(N_W² · C), exactly. The last term is 1 for
/// every token except a zero one, whose similarity to all is 0. The division by N_W − 1 does not
/// change the order and is omitted. The representative is thus the token nearest to the window's
/// spherical mean. With several samples the similarities are summed.
///
/// Some tokens are equally similar by symmetry: two in a window of two, or all in a chequerboard.
/// Similarities are therefore rounded to multiples of 2⁻³⁶, so that such ties are broken by the
/// lowest index and not by the rounding error of a sum.
struct ReToMSimilarity {
    let features: TokenFeatures
    /// Samples whose similarities are summed.
    let samples: Range<Int>
    let windows: TokenWindows
    let memory: ReToMScratch

    /// Writes `similarities` of all tokens.
    func computeAverageSimilarities() {
        memory.similarities.update(repeating: 0, count: features.tokenCount)
        for window in 0..<windows.count {
            let count = windows.tokens(of: window, into: memory.tokens)
            for sample in samples {
                switch features.elementType {
                case .float32: addSimilarities(Float32Row.self, sample, count)
                case .bfloat16: addSimilarities(BFloat16Row.self, sample, count)
                }
            }
            round(memory.similarities, count)
        }
    }

    /// Rounds the values of the current window's first `count` tokens.
    private func round(_ values: UnsafeMutablePointer<Double>, _ count: Int) {
        // The spacing of f64 values between 2¹⁶ and 2¹⁷ is 2⁻³⁶.
        let shift = 98_304.0
        for index in 0..<count {
            let token = Int(memory.tokens[index])
            values[token] = values[token] + shift - shift
        }
    }

    private func addSimilarities<Element: RowElement>(
        _ element: Element.Type, _ sample: Int, _ count: Int
    ) {
        let rows = RowSimilarity<Element>(channels: features.channels)
        let inverseNorms = memory.inverseNorms + sample * features.tokenCount
        memory.sum.update(repeating: 0, count: features.channels)
        for index in 0..<count {
            let token = Int(memory.tokens[index])
            let row = features.row(sample: sample, token: token)
            let inverse = rows.inverseNorm(row)
            inverseNorms[token] = inverse
            rows.add(row, scale: inverse, to: memory.sum)
        }
        for index in 0..<count {
            let token = Int(memory.tokens[index])
            let row = features.row(sample: sample, token: token)
            let inverse = inverseNorms[token]
            let isUnit = inverse < 1 / RowSimilarity<Element>.epsilon
            let own = isUnit ? 1 : rows.dot(row, row) * (inverse * inverse)
            memory.similarities[token] += rows.dot(row, vector: memory.sum) * inverse - own
        }
    }

    /// Writes `sourceScores`: cosines to one token, summed over the samples.
    func computeSimilarities(
        to destination: Int32, of tokens: UnsafePointer<Int32>, count: Int
    ) {
        for index in 0..<count { memory.sourceScores[Int(tokens[index])] = 0 }
        for sample in samples {
            switch features.elementType {
            case .float32: addCosines(Float32Row.self, sample, Int(destination), tokens, count)
            case .bfloat16: addCosines(BFloat16Row.self, sample, Int(destination), tokens, count)
            }
        }
    }

    private func addCosines<Element: RowElement>(
        _ element: Element.Type, _ sample: Int, _ destination: Int,
        _ tokens: UnsafePointer<Int32>, _ count: Int
    ) {
        let rows = RowSimilarity<Element>(channels: features.channels)
        let inverseNorms = memory.inverseNorms + sample * features.tokenCount
        let target = features.row(sample: sample, token: destination)
        for index in 0..<count {
            let token = Int(tokens[index])
            let product = rows.dot(features.row(sample: sample, token: token), target)
            memory.sourceScores[token] +=
                product * (inverseNorms[token] * inverseNorms[destination])
        }
    }
}

/// Working memory for making one ReToM plan.
struct ReToMScratch {
    /// `sim_cache`: Σ_{j ≠ i} cosSim per token, summed over the samples.
    let similarities: UnsafeMutablePointer<Double>
    /// What sources are ranked by, per token: the cosine to the destination, or the average similarity.
    let sourceScores: UnsafeMutablePointer<Double>
    /// `[samples, N]`.
    let inverseNorms: UnsafeMutablePointer<Double>
    /// S of the current window, one value per channel.
    let sum: UnsafeMutablePointer<Double>
    /// Tokens of the current window.
    let tokens: UnsafeMutablePointer<Int32>
    /// With a budget for the map: the tokens of all windows, ranked in each.
    let ranked: UnsafeMutablePointer<Int32>
    /// With a budget for the map: the tokens that may be sources, ranked.
    let candidates: UnsafeMutablePointer<Int32>
    /// With a budget for the map: whether a token is a source.
    let isSource: UnsafeMutablePointer<Bool>

    init(
        _ windows: TokenWindows, _ budget: TokenMergeBudget, sampleCount: Int, channels: Int,
        _ scratch: TokenMergeScratch
    ) {
        let tokenCount = windows.grid.tokenCount
        similarities = scratch.take(Double.self, tokenCount)
        sourceScores = scratch.take(Double.self, tokenCount)
        inverseNorms = scratch.take(Double.self, sampleCount * tokenCount)
        sum = scratch.take(Double.self, channels)
        tokens = scratch.take(Int32.self, windows.tokenCountMax)
        let mapCount = budget == .map ? tokenCount : 0
        ranked = scratch.take(Int32.self, mapCount)
        candidates = scratch.take(Int32.self, mapCount)
        isSource = scratch.take(Bool.self, mapCount)
    }

    static func byteCount(
        _ windows: TokenWindows, _ budget: TokenMergeBudget, sampleCount: Int, channels: Int
    ) -> Int {
        let tokenCount = windows.grid.tokenCount
        let mapCount = budget == .map ? tokenCount : 0
        return TokenMergeScratch.byteCount(Double.self, tokenCount) * 2
            + TokenMergeScratch.byteCount(Double.self, sampleCount * tokenCount)
            + TokenMergeScratch.byteCount(Double.self, channels)
            + TokenMergeScratch.byteCount(Int32.self, windows.tokenCountMax)
            + TokenMergeScratch.byteCount(Int32.self, mapCount) * 2
            + TokenMergeScratch.byteCount(Bool.self, mapCount)
    }
}
