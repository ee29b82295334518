// SPDX-License-Identifier: Apache-2.0

package import Coordinator
package import Worker

/// One deliberate mistake in one of the two state machines.
package enum PlantedBug: Sendable, CustomStringConvertible {
    case coordinator(CoordinatorBug)
    case worker(WorkerBug)

    /// Every mistake there is.
    package static var all: [PlantedBug] {
        CoordinatorBug.allCases.map { .coordinator($0) } + WorkerBug.allCases.map { .worker($0) }
    }

    var coordinator: CoordinatorBug? {
        if case .coordinator(let bug) = self { bug } else { nil }
    }

    var worker: WorkerBug? {
        if case .worker(let bug) = self { bug } else { nil }
    }

    /// Its name.
    package var description: String {
        switch self {
        case .coordinator(let bug): bug.rawValue
        case .worker(let bug): bug.rawValue
        }
    }
}
