// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

/// Where the prompts come from.
package struct PromptOptions: ParsableArguments {
    @Option(
        name: [.customShort("p"), .long],
        help: ArgumentHelp("What a picture shows; give it again for more.", valueName: "text"))
    package var prompt: [String] = []

    @Option(
        help: ArgumentHelp(
            "A file with one prompt per line, or JSON lines; - is standard input.",
            valueName: "file"))
    package var prompts: String?

    package init() {}

    package mutating func validate() throws {
        guard !prompt.isEmpty || prompts != nil else {
            throw ValidationError("nothing to draw: give a prompt with -p or a file with --prompts")
        }
    }

    /// All prompts: those of the command line first.
    package func entries() throws(PromptListError) -> [PromptEntry] {
        var entries = PromptList.entries(arguments: prompt)
        if let prompts { entries += try PromptList.read(path: prompts) }
        return entries
    }
}
