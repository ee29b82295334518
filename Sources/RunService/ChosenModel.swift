// SPDX-License-Identifier: Apache-2.0

package import StableDiffusion

/// The model of a run, and how later sessions and workers choose it again.
package struct ChosenModel: Sendable {
    /// Its configurations and weights.
    package var source: any ModelSource
    /// Its name in records.
    package var name: String
    /// Its absolute path; `nil` for the embedded model.
    package var path: String?
    /// The words by which a worker's command line chooses it.
    package var arguments: [String]

    /// Describes a choice.
    package init(source: any ModelSource, name: String, path: String?, arguments: [String]) {
        self.source = source
        self.name = name
        self.path = path
        self.arguments = arguments
    }
}
