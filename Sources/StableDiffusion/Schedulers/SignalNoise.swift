// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A noise level of DPM-Solver and UniPC: the sample is αx₀ + σε with α² + σ² = 1.
struct SignalNoise: Sendable {
    let alpha: Float
    let sigma: Float
    /// Half the logarithm of the signal-to-noise ratio; +∞ without noise.
    let lambda: Float

    /// The level of a σ as stored in the sigma tables, σ/α.
    init(ratio: Float) {
        alpha = 1 / (ratio * ratio + 1).squareRoot()
        sigma = ratio * alpha
        lambda = log(alpha) - log(sigma)
    }
}
