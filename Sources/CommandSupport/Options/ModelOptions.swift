// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import EmbeddedModel

/// Which model to load.
package struct ModelOptions: ParsableArguments {
    @Option(
        name: [.customShort("m"), .long],
        help: ArgumentHelp(
            "Stable Diffusion 1.x or 2.x in the diffusers layout (default: the embedded model).",
            valueName: "directory"))
    package var model: String?

    package init() {}

    /// Directory and name of the chosen model.
    ///
    /// - Throws: `EmbeddedModelError` when the embedded model was left behind.
    package func resolve() throws -> (directory: String, name: String) {
        guard let model else { return (try EmbeddedModel.directory(), EmbeddedModel.name) }
        let name = model.split(separator: "/").last.map(String.init) ?? model
        return (model, name)
    }
}
