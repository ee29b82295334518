// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import Requests

/// Where the prompts come from.
package struct PromptOptions: ParsableArguments {
    @Option(
        name: [.customShort("p"), .long],
        help: ArgumentHelp("What a picture shows; give it again for more.", valueName: "text"))
    package var prompt: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A file with one prompt per line (# begins a comment line), JSON lines, or a JSON array \
            of texts or objects; - is standard input.
            """, valueName: "file"))
    package var prompts: String?

    package init() {}

    /// Whether no prompt was given in any way.
    package var isEmpty: Bool { prompt.isEmpty && prompts == nil }

    /// - Throws: `ValidationError` when there is no prompt.
    package func requireSome() throws {
        guard !isEmpty else {
            throw ValidationError(
                "nothing to generate: give a prompt with -p or a file with --prompts")
        }
    }

    /// All prompts, those of the command line first; or just the first few of them.
    ///
    /// - Parameter warn: called with what the file holds beside prompts.
    package func entries(
        first count: Int? = nil, warn: (String) -> Void
    ) throws(PromptListError) -> [PromptEntry] {
        var entries = PromptList.entries(arguments: prompt)
        if let prompts {
            let file = try PromptList.read(path: prompts)
            if let notice = file.notice { warn(notice) }
            entries += file.entries
        }
        return count.map { Array(entries.prefix($0)) } ?? entries
    }
}
