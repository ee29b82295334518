// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import TestSupport

/// A way in which a worker breaks the rules.
enum Lie: Sendable, CaseIterable {
    /// Takes an image and says nothing of it any more.
    case silence
    /// Gives an image back as cancelled though it was not recalled.
    case quitting
    /// Latents of another shape.
    case shape
    /// Latents that are not finite.
    case value
    /// Latents of which no decoder makes a picture.
    case undecodable
    /// A picture of another size.
    case pictureSize
    /// A picture under another lease of its own than that of the result behind it.
    case pictureLease
    /// A result under a lease that was never granted.
    case token
    /// A result under another worker's lease.
    case othersLease
    /// Is busy, and wants to be asked again at once.
    case busy
}

extension Scenario {
    /// One or two liars among honest machines: too few to use up all attempts of an image.
    mutating func addLiars(_ random: inout SplitMix64) {
        let liarCount = random.between(1...2)
        while machines.count <= liarCount {
            machines.append(Machine(credits: 1, stepTime: random.seconds(0.05...3)))
        }
        addresses = Array(machines.indices)
        for index in 0..<liarCount {
            machines[index].lies =
                random.oneIn(2)
                ? Lie.allCases : [Lie.allCases[random.below(Lie.allCases.count)]]
        }
    }

    /// Whether any machine tells a lie of this kind.
    func hasLiar(_ lie: Lie) -> Bool { machines.contains { $0.lies.contains(lie) } }

    /// More than a run among liars can take: honest ones sample everything, after the liars have
    /// done so in vain, and every result is stored and decoded twice; where latents may be
    /// undecodable, once for each attempt.
    var honestLimit: Duration {
        let slowest = machines.map(\.stepTime).max() ?? .zero
        let steps = requests.reduce(0) { $0 + $1.inferenceStepCount }
        let storeCount = hasLiar(.undecodable) ? configuration.tolerance.attemptCountMax : 2
        return slowest * (2 * steps) + (storeTime * storeCount + .seconds(12)) * requests.count
            + .seconds(120)
    }
}
