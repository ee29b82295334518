// SPDX-License-Identifier: Apache-2.0

/// What a terminal can show.
package struct TerminalStyle: Sendable, Equatable {
    /// Whether colours are wanted (no `NO_COLOR`).
    package var usesColor: Bool
    /// Whether the locale is UTF-8; otherwise bars are made of ASCII.
    package var usesUnicode: Bool

    /// Makes a style.
    package init(usesColor: Bool, usesUnicode: Bool) {
        self.usesColor = usesColor
        self.usesUnicode = usesUnicode
    }

    /// What the environment says; `nil` for a terminal whose cursor can't be moved, such as an
    /// editor's shell (`TERM=dumb`), or of which nothing is known.
    package init?(environment: [String: String]) {
        guard let terminal = environment["TERM"], !["", "dumb", "unknown"].contains(terminal)
        else { return nil }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
            .first { !$0.isEmpty }
        self.init(
            usesColor: environment["NO_COLOR", default: ""].isEmpty,
            usesUnicode: locale?.uppercased().replacing("-", with: "").contains("UTF8") ?? false)
    }
}
