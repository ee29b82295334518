// SPDX-License-Identifier: Apache-2.0

/// What a run has settled about computing, by the names in its database and report.
extension ComputeOptions {
    private typealias Choice = (name: String, flag: String, key: WritableKeyPath<Self, String>)

    private static var settled: [Choice] {
        [
            ("precision", "--precision", \.precision), ("backend", "--backend", \.backend),
            ("instruction_set", "--instruction-set", \.instructionSet),
        ]
    }

    /// The choices for the database of a new run.
    package var settings: [String: String] {
        Dictionary(uniqueKeysWithValues: Self.settled.map { ($0.name, self[keyPath: $0.key]) })
    }

    /// Computes as the run did before, where nothing else is asked for.
    package mutating func follow(_ settings: [String: String]) {
        for (name, _, key) in Self.settled where self[keyPath: key] == "auto" {
            self[keyPath: key] = settings[name] ?? "auto"
        }
    }

    /// The first choice that contradicts the run's: images of one run would be computed in two ways.
    ///
    /// - Parameter settings: of the run's database; where it left a choice open, any will do.
    package func conflict(with settings: [String: String]) -> ComputeConflict? {
        for (name, flag, key) in Self.settled {
            let asked = self[keyPath: key]
            guard let before = settings[name], before != "auto", asked != "auto", asked != before
            else { continue }
            return ComputeConflict(flag: flag, asked: asked, before: before)
        }
        return nil
    }
}

/// An option that would change the bytes of the images that a run has left.
package struct ComputeConflict: Error, Equatable, CustomStringConvertible {
    /// Such as `--precision`.
    package let flag: String
    /// What was given now.
    package let asked: String
    /// What the run began with.
    package let before: String

    /// Names an option and its two values.
    package init(flag: String, asked: String, before: String) {
        self.flag = flag
        self.asked = asked
        self.before = before
    }

    package var description: String {
        """
        \(flag) \(asked): the run began with \(before), and its other images would be computed \
        differently; leave \(flag) out, or begin another run in another directory
        """
    }
}
