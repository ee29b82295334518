// SPDX-License-Identifier: Apache-2.0

/// What a prompt file holds.
package struct PromptFile: Sendable, Equatable {
    /// Its name in messages.
    package var source: String
    /// The prompts, in order.
    package var entries: [PromptEntry] = []
    /// Lines left out because they begin with `#`.
    package var commentLineCount = 0

    /// Makes a file without prompts.
    package init(source: String) { self.source = source }

    /// What was left out; `nil` when nothing was.
    package var notice: String? {
        guard commentLineCount > 0 else { return nil }
        return commentLineCount == 1
            ? "\(source): 1 line begins with # and was skipped as a comment"
            : "\(source): \(commentLineCount) lines begin with # and were skipped as comments"
    }
}
