// SPDX-License-Identifier: Apache-2.0

import Foundation

/// ‖found − expected‖ / ‖expected‖; infinite if a value is not a number or the counts differ.
package func relativeL2(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count else { return .infinity }
    var difference = 0.0
    var norm = 0.0
    for (found, expected) in zip(found, expected) {
        guard found.isFinite else { return .infinity }
        difference += (Double(found) - Double(expected)) * (Double(found) - Double(expected))
        norm += Double(expected) * Double(expected)
    }
    return norm > 0 ? (difference / norm).squareRoot() : difference.squareRoot()
}

/// Peak signal-to-noise ratio in dB of pictures in −1…1, clamped as for display.
package func peakSignalToNoise(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count, !found.isEmpty else { return -.infinity }
    var difference = 0.0
    for (found, expected) in zip(found, expected) {
        guard found.isFinite else { return -.infinity }
        let delta = Double(min(max(found, -1), 1)) - Double(min(max(expected, -1), 1))
        difference += delta * delta
    }
    return 10 * log10(4 * Double(found.count) / max(difference, .leastNormalMagnitude))
}
