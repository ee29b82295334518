// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import WireProtocol

/// Clients that look at every second image while it is sampled, at some only for a while.
extension SimulatedCluster {
    private var hasWatchers: Bool { scenario.seed % 3 == 1 }

    /// Somebody opens an image that a worker has.
    mutating func planWatch(_ item: Int) {
        guard hasWatchers, item.isMultiple(of: 2) else { return }
        timeline.schedule(.watch(item: item, isWanted: true, life: life), in: .milliseconds(5))
        guard item.isMultiple(of: 4) else { return }
        timeline.schedule(.watch(item: item, isWanted: false, life: life), in: .seconds(3))
    }

    mutating func watch(_ item: Int, _ isWanted: Bool) {
        if isWanted {
            observed.watched.insert(item)
        } else {
            observed.watched.remove(item)
        }
        feedCoordinator(
            .watch(image: ImageNumber(item), interval: isWanted ? .seconds(1) : nil))
    }

    /// What a worker shows of an image: its number.
    static func preview(of item: Int, step: Int) -> LatentPreview {
        LatentPreview(
            step: step, channels: 4, height: 1, width: 1, scale: 1,
            values: [Int8(item % 127), 0, 0, 0])
    }

    /// Previews are of the image that they name, and of none that nobody looks at any more.
    mutating func checkPreview(_ preview: LatentPreview, of item: Int) {
        if preview != Self.preview(of: item, step: preview.step) {
            note("image \(item) is shown as another one")
        }
        if !observed.watched.contains(item) { note("image \(item) is shown to nobody") }
        if let outcome = observed.outcomes[item] {
            note("image \(item) is shown after it was \(outcome)")
        }
    }
}
