// SPDX-License-Identifier: Apache-2.0

extension Unicode.Scalar {
    /// Whether it shows nothing and does something: control codes (C0, DEL and C1), which terminals
    /// obey, line and paragraph separators, and format characters such as direction overrides.
    ///
    /// Names and reasons come from other machines; no hidden character of them reaches a terminal
    /// or a log line.
    package var isHidden: Bool {
        // All of ASCII that is plain; looking the others up takes longer.
        if (0x20..<0x7F).contains(value) { return false }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
