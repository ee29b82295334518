// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// Workers that an operator drains, before a reboot or an update: they finish what they sample, get
/// nothing else, and stay connected.
///
/// It is the address that is set aside, whichever process answers there, until it is resumed or the
/// coordinator ends.
extension CoordinatorStateMachine {
    /// Sets a worker aside.
    ///
    /// What it has not begun goes to others, as when it is put in quarantine.
    mutating func setAside(_ name: String) {
        for worker in workers.numbers
        where workers[worker].name == name && !workers[worker].isSetAside {
            workers[worker].isSetAside = true
            for held in workers[worker].leases where held.isWaiting {
                recall(held.lease, of: worker, .moved)
            }
        }
    }

    /// Gives a worker images again.
    mutating func resume(_ name: String) {
        for worker in workers.numbers
        where workers[worker].name == name && workers[worker].isSetAside {
            workers[worker].isSetAside = has(.setAsideForGood)
            workers[worker].reportedDrain = nil
            actions.append(.report(.workerResumed(worker: name)))
        }
    }

    /// Reports of workers that are set aside whether they have anything to finish.
    mutating func reportDrains() {
        for worker in workers.numbers where workers[worker].isSetAside {
            guard workers[worker].phase == .ready else {
                workers[worker].reportedDrain = nil
                continue
            }
            // Nor may it be stopped while a result of it is on its way to the disk.
            let isDone =
                workers[worker].leases.isEmpty
                && !images.isStoring(for: workers[worker].connection)
            let state = isDone ? RegisteredWorker.Drain.done : .underWay
            guard workers[worker].reportedDrain != state else { continue }
            workers[worker].reportedDrain = state
            let name = workers[worker].name
            actions.append(
                .report(isDone ? .workerDrained(worker: name) : .workerDraining(worker: name)))
        }
    }
}
