// SPDX-License-Identifier: Apache-2.0

package import Coordinator
package import Worker

/// A deliberate mistake of the generator.
package enum GeneratorBug: String, Sendable, CaseIterable {
    /// A run continues without what its sampler remembers of earlier steps.
    case forgetHistory
    /// A run continues from a checkpoint that is not whole.
    case takeDamaged
}

/// One deliberate mistake, in one of the two state machines or in the generator.
package enum PlantedBug: Sendable, CustomStringConvertible {
    case coordinator(CoordinatorBug)
    case worker(WorkerBug)
    case generator(GeneratorBug)

    /// Every mistake there is.
    package static var all: [PlantedBug] {
        CoordinatorBug.allCases.map { .coordinator($0) } + WorkerBug.allCases.map { .worker($0) }
            + GeneratorBug.allCases.map { .generator($0) }
    }

    var coordinator: CoordinatorBug? {
        if case .coordinator(let bug) = self { bug } else { nil }
    }

    var worker: WorkerBug? {
        if case .worker(let bug) = self { bug } else { nil }
    }

    var generator: GeneratorBug? {
        if case .generator(let bug) = self { bug } else { nil }
    }

    /// Its name.
    package var description: String {
        switch self {
        case .coordinator(let bug): bug.rawValue
        case .worker(let bug): bug.rawValue
        case .generator(let bug): bug.rawValue
        }
    }
}
