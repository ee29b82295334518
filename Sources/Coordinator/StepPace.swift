// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// How fast a worker was seen to be, whatever the size of its images.
struct StepPace {
    /// Longest step that is believed, in seconds; what a peer says may be anything.
    private static let secondsMax = 86_400.0

    /// Smoothed seconds per step and unit of work; `nil` before the first step.
    private(set) var mean: Double?
    /// The same, but a slow step counts at once and quick ones gradually.
    private var peak = 0.0

    /// Learns from a report of a step of an image, or of several that took so long on average.
    mutating func observe(seconds: Double, ofWork stepWork: Double) {
        guard seconds > 0 else { return }
        let unit = min(seconds, Self.secondsMax) / stepWork
        mean = mean.map { $0 * 0.7 + unit * 0.3 } ?? unit
        peak = max(unit, peak * 0.8 + unit * 0.2)
    }

    /// Longest usual step of an image, in seconds; 0 before the first.
    func stepSeconds(ofWork stepWork: Double) -> Double {
        min(peak * stepWork, Self.secondsMax)
    }
}

extension GenerationRequest {
    /// What one step costs relative to other requests: pixels, twice with guidance.
    var stepWork: Double {
        Double(max(1, width)) * Double(max(1, height)) * (usesClassifierFreeGuidance ? 2 : 1)
    }
}
