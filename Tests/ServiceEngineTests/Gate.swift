// SPDX-License-Identifier: Apache-2.0

import FakeGenerator
import Foundation
import GenerationTypes
import Synchronization

/// Lets a worker sample, or not: images whose seeds are too high wait until a test lets them go.
final class Gate: Sendable {
    /// Images with this seed fail for good.
    static let failingSeed: UInt64 = 1000

    private let seedMax: Mutex<UInt64>

    /// - Parameter seed: images up to this one are sampled at once.
    init(upTo seed: UInt64 = .max) { seedMax = Mutex(seed) }

    /// Lets images up to a seed go.
    func open(upTo seed: UInt64 = .max) { seedMax.withLock { $0 = seed } }

    /// A generator behind this gate.
    var generator: HashChainGenerator {
        HashChainGenerator(beforeStep: { [self] request, step in
            if request.seed == Self.failingSeed { throw SizeError(width: 3) }
            // One step is done, so that there is progress.
            while step > 1, request.seed > seedMax.withLock({ $0 }) {
                Thread.sleep(forTimeInterval: 0.001)
            }
        })
    }
}
