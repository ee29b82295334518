// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import TestSupport

extension Scenario {
    /// Images that are submitted together.
    struct Batch: Sendable {
        /// Which of the scenario's requests.
        var requests: Range<Int>
        var submitTime: Duration
        /// When it is cancelled; `nil` for never.
        var cancelTime: Duration?
    }

    /// Divides the requests into batches, which are submitted one after the other.
    mutating func addBatches(_ random: inout SplitMix64) {
        if random.oneIn(2) { addStorm(&random) }
        // Numbers of images are not kept over a crash of the coordinator here.
        episodes.removeAll { $0.episode.endsCoordinator }
        configuration.rememberedImageCount = random.below(4)
        var (first, time) = (0, Duration.zero)
        while first < requests.count {
            let end = min(requests.count, first + random.between(1...6))
            time += random.seconds(0...30)
            let cancelTime = random.oneIn(3) ? time + random.seconds(0...20) : nil
            batches.append(
                Batch(requests: first..<end, submitTime: time, cancelTime: cancelTime))
            first = end
        }
    }
}

extension Scenario.Episode {
    /// Whether the coordinator's process ends with it and another one resumes.
    fileprivate var endsCoordinator: Bool {
        switch self {
        case .coordinatorCrash, .diskFull: true
        default: false
        }
    }
}
