// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The preparations found necessary by a lane's dry run, for several threads: each free thread
/// takes the next one.
///
/// `@unchecked Sendable`: preparations lock what they modify.
final class PreparationQueue: @unchecked Sendable {
    private let lane: ComputeLane
    private let preparations: [(ComputeLane) throws -> Void]
    private let next = Atomic(0)
    private let failure = Mutex<PreparationError?>(nil)

    init(_ lane: ComputeLane) {
        self.lane = lane
        preparations = lane.takePreparations()
    }

    /// One thread's share.
    func work() {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < preparations.count else { return }
            do {
                try preparations[index](lane)
            } catch {
                failure.withLock { $0 = $0 ?? PreparationError(cause: error) }
            }
        }
    }

    /// Throws the first error.
    func check() throws(PreparationError) {
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}
