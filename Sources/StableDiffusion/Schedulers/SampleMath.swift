// SPDX-License-Identifier: Apache-2.0

/// Operations on whole samples that several schedulers share; rounded like torch's, once per
/// operation.
enum SampleMath {
    typealias Sample = UnsafePointer<Float>
    typealias MutableSample = UnsafeMutablePointer<Float>

    /// The predicted picture x₀ for the sample αx₀ + βε (α² + β² = 1).
    static func predictOriginal(
        _ prediction: PredictionType, output: Sample, sample: Sample, alpha: Float, beta: Float,
        into original: MutableSample, count: Int
    ) {
        switch prediction {
        case .epsilon:
            for i in 0..<count { original[i] = (sample[i] - beta * output[i]) / alpha }
        case .sample:
            for i in 0..<count { original[i] = output[i] }
        case .vPrediction:
            for i in 0..<count { original[i] = alpha * sample[i] - beta * output[i] }
        }
    }

    /// The predicted noise ε for the sample αx₀ + βε.
    static func predictNoise(
        _ prediction: PredictionType, output: Sample, sample: Sample, alpha: Float, beta: Float,
        into noise: MutableSample, count: Int
    ) {
        switch prediction {
        case .epsilon:
            for i in 0..<count { noise[i] = output[i] }
        case .sample:
            for i in 0..<count { noise[i] = (sample[i] - alpha * output[i]) / beta }
        case .vPrediction:
            for i in 0..<count { noise[i] = alpha * output[i] + beta * sample[i] }
        }
    }

    /// The predicted picture x₀ for the sample x₀ + σε.
    static func predictOriginal(
        _ prediction: PredictionType, output: Sample, sample: Sample, sigma: Float,
        into original: MutableSample, count: Int
    ) {
        switch prediction {
        case .epsilon:
            for i in 0..<count { original[i] = sample[i] - sigma * output[i] }
        case .sample:
            for i in 0..<count { original[i] = output[i] }
        case .vPrediction:
            let variance = sigma * sigma + 1
            let outputScale = -sigma / variance.squareRoot()
            for i in 0..<count { original[i] = output[i] * outputScale + sample[i] / variance }
        }
    }

    /// Clips to ±`range`.
    static func clip(_ sample: MutableSample, to range: Float, count: Int) {
        for i in 0..<count { sample[i] = min(max(sample[i], -range), range) }
    }

    /// Dynamic thresholding: clips to a quantile of the magnitudes and divides by it.
    ///
    /// `scratch` has room for one sample.
    static func threshold(
        _ sample: MutableSample, _ thresholding: DynamicThresholding, scratch: MutableSample,
        count: Int
    ) {
        for i in 0..<count { scratch[i] = abs(sample[i]) }
        // torch.quantile: linear between the two nearest ranks.
        let rank = thresholding.ratio * Float(count - 1)
        let lower = Int(rank)
        let weight = rank - Float(lower)
        let low = select(lower, scratch, count)
        let high = lower + 1 < count ? select(lower + 1, scratch, count) : low
        let quantile =
            weight < 0.5 ? low + weight * (high - low) : high - (high - low) * (1 - weight)
        let limit = min(max(quantile, 1), thresholding.sampleMax)
        for i in 0..<count { sample[i] = min(max(sample[i], -limit), limit) / limit }
    }

    /// The value at a rank from below, by Hoare's quickselect in place; NaN counts as largest.
    private static func select(_ rank: Int, _ values: MutableSample, _ count: Int) -> Float {
        var (left, right) = (0, count - 1)
        while left < right {
            let pivot = values[left + (right - left) / 2]
            var (i, j) = (left, right)
            while i <= j {
                while values[i] < pivot { i += 1 }
                while pivot < values[j] { j -= 1 }
                guard i <= j else { break }
                swap(&values[i], &values[j])
                i += 1
                j -= 1
            }
            if rank <= j { right = j } else if rank >= i { left = i } else { return values[rank] }
        }
        return values[rank]
    }
}
