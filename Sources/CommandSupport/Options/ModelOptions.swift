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
    /// - Throws: `ValidationError` for a path that can't be spelled, `EmbeddedModelError` when the embedded model was left behind.
    package func resolve() throws -> (directory: String, name: String) {
        guard let model else { return (try EmbeddedModel.directory(), EmbeddedModel.name) }
        guard model.hasPrefix("/") || SystemInfo.currentDirectoryIsText else {
            throw ValidationError(
                """
                --model \(model): the name of the current directory is not UTF-8 text, so the \
                model's path can't be recorded; rename that directory
                """)
        }
        let name = model.split(separator: "/").last.map(String.init) ?? model
        return (model, name)
    }
}
