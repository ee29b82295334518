// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// An option that contradicts what a run began with: the images that it has left would differ from
/// those that it has.
package struct RunConflict: Error, Equatable, CustomStringConvertible {
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

    /// Compares an option with the images of a run; `nil` where all of them have its value.
    init?(
        flag: String, asked: String, _ requests: [GenerationRequest],
        value: (GenerationRequest) -> String
    ) {
        var values: [String] = []
        for request in requests {
            let value = value(request)
            if !values.contains(value) { values.append(value) }
            if values.count > Self.listedMax { break }
        }
        guard values != [asked] else { return nil }
        let listed = values.prefix(Self.listedMax).map { $0.isEmpty ? "none" : $0 }
        self.init(
            flag: flag, asked: asked,
            before: listed.joined(separator: ", ")
                + (values.count > Self.listedMax ? ", …" : ""))
    }

    /// Values of a run's images that a message names.
    private static let listedMax = 3

    package var description: String {
        """
        \(flag) \(asked): the run began with \(before), and its other images would be generated \
        differently; leave \(flag) out, or begin another run in another directory
        """
    }
}
