// SPDX-License-Identifier: Apache-2.0

/// What a run has settled about computing, by the names in its database and report.
extension ComputeOptions {
    private typealias Choice = (name: String, flag: String, key: WritableKeyPath<Self, String?>)

    private static var settled: [Choice] {
        [
            ("precision", "--precision", \.precision), ("backend", "--backend", \.backend),
            ("instruction_set", "--instruction-set", \.instructionSet),
        ]
    }

    /// The choices for the database of a new run.
    package var settings: [String: String] {
        Dictionary(
            uniqueKeysWithValues: Self.settled.map { ($0.name, self[keyPath: $0.key] ?? "auto") })
    }

    /// Computes as the run did before, where nothing else is asked for.
    package mutating func follow(_ settings: [String: String]) {
        for (name, _, key) in Self.settled {
            self[keyPath: key] = self[keyPath: key] ?? settings[name]
        }
    }

    /// The first choice that contradicts the run's: images of one run would be computed in two ways.
    ///
    /// - Parameter settings: of the run's database; where it left a choice open, any will do.
    package func conflict(with settings: [String: String]) -> RunConflict? {
        for (name, flag, key) in Self.settled {
            guard let before = settings[name], before != "auto",
                let asked = self[keyPath: key], asked != before
            else { continue }
            return RunConflict(flag: flag, asked: asked, before: before)
        }
        return nil
    }
}
