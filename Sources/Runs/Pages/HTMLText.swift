// SPDX-License-Identifier: Apache-2.0

/// Text made safe for HTML: a prompt may hold anything.
package enum HTMLText {
    /// The text as it may stand between tags and inside quoted attributes.
    ///
    /// Control characters, which HTML forbids, become the replacement character.
    package static func escaped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            case "\n", "\t": result.append(scalar)
            case "\u{0}"..<" ", "\u{7F}"..."\u{9F}": result.append("\u{FFFD}")
            // Direction overrides could make text around a prompt read backwards.
            case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": continue
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// The text as one component of a relative link, percent-encoded.
    package static func link(_ name: String) -> String {
        var result = ""
        for byte in name.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95:
                result.unicodeScalars.append(
                    Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return result
    }
}
