// SPDX-License-Identifier: Apache-2.0

import Coordinator
import TestSupport
import WireProtocol

/// An operator who drains workers and resumes them, at any time.
extension SimulatedCluster {
    /// Liars must not delay a run beyond a limit that knows of no operator.
    private var hasOperator: Bool { scenario.seed % 7 == 3 && scenario.weather != .lies }

    /// Plans what is drained when; all of it is resumed in the end.
    mutating func planSettingAside() {
        guard hasOperator else { return }
        // Everything else happens as it would without an operator.
        var random = SplitMix64(seed: scenario.seed &* 7919)
        for address in scenario.addresses.indices where random.oneIn(2) {
            var time = Duration.zero
            for _ in 0..<random.between(1...3) {
                time += random.seconds(0...20)
                timeline.schedule(.setAside(address: address, true), in: time)
                time += random.seconds(0...60)
                timeline.schedule(.setAside(address: address, false), in: time)
            }
        }
    }

    mutating func setAside(_ address: Int, _ isSetAside: Bool) {
        guard isCoordinatorUp else { return }
        let name = Self.address(address).description
        if isSetAside {
            observed.setAside.insert(name)
        } else {
            observed.setAside.remove(name)
        }
        feedCoordinator(isSetAside ? .setAside(worker: name) : .resume(worker: name))
    }

    /// A drained worker gets nothing, but for an image that it samples already and comes back with.
    mutating func checkSetAside(
        grants actions: [CoordinatorStateMachine.Action], after event: CoordinatorStateMachine.Event
    ) {
        guard !observed.setAside.isEmpty else { return }
        for case .send(let id, .assign(let lease, _)) in actions {
            let name = links[linkOfConnection[Int(id.rawValue) - 1]].name
            if case .received(id, .progress) = event { continue }
            if observed.setAside.contains(name) {
                note("image \(lease.item) is given to \(name), which is drained")
            }
        }
    }

    mutating func checkDrain(of name: String) {
        observed.drainCount += 1
        if !observed.setAside.contains(name) { note("\(name) is drained, but nobody asked") }
    }
}
