// SPDX-License-Identifier: Apache-2.0

/// What other programs read in a prompt beside its words; here it is text like all the rest.
package enum PromptSyntax: String, CaseIterable, Sendable {
    /// `(red:1.4)`.
    case weight
    /// `((red))`.
    case emphasis
    /// `[[red]]`.
    case deemphasis
    /// `[red:blue:0.5]`, `[red:10]`.
    case editing
    /// `[red|blue]`, `{red|blue}`.
    case alternation
    /// `\(red\)`.
    case escape
    /// `__colour__`.
    case wildcard
    /// `BREAK`.
    case chunkBreak
    /// `a cat AND a dog`.
    case composition
    /// `<lora:…>`, `<lyco:…>`, `<hypernet:…>`: see `PromptNetworks`.
    case network
    /// `embedding:…`.
    case embedding

    /// Whether it asks for files, without which the picture is another: it is obeyed or refused, never
    /// plain text.
    package var needsFiles: Bool { self == .network || self == .embedding }

    /// The first place of each kind in a prompt, as it is written there, in order of appearance.
    ///
    /// Parentheses and brackets of ordinary prose are none: `a house (red)`, `(at 12:30)`, `[sic]`.
    package static func found(in prompt: String) -> [(kind: PromptSyntax, text: String)] {
        guard PromptSyntaxScan.isWorthwhile(prompt) else { return [] }
        var scan = PromptSyntaxScan(prompt)
        scan.run()
        return scan.found
    }
}
