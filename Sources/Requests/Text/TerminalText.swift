// SPDX-License-Identifier: Apache-2.0

/// Text as a terminal shows it: prompts and names come from outside and may hold anything.
package enum TerminalText {
    /// The text on one line, without control characters: nothing that a prompt contains may move
    /// the cursor or change colours.
    package static func sanitized(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if !scalar.isHidden {
                result.append(scalar)
            } else if scalar.properties.generalCategory != .format {
                result.append(" ")
            }
        }
        return String(result)
    }

    /// Columns that a sanitized text takes.
    package static func columnCount(_ text: some StringProtocol) -> Int {
        text.reduce(0) { $0 + columnCount(of: $1) }
    }

    /// The text cut to at most `width` columns, with an ellipsis where something is missing.
    package static func truncated(_ text: String, width: Int) -> String {
        guard columnCount(text) > width else { return text }
        guard width > 0 else { return "" }
        var result = ""
        var used = 1
        for character in text {
            used += columnCount(of: character)
            guard used <= width else { break }
            result.append(character)
        }
        return result + "…"
    }

    /// The text with spaces up to `width` columns, in front of it or behind it.
    package static func padded(_ text: String, width: Int, atStart: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - columnCount(text)))
        return atStart ? spaces + text : text + spaces
    }

    /// Seconds as a person reads them: `0:07`, `12:34`, `1:02:03`, `2 d 3 h`.
    package static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "–" }
        let total = Int(seconds.rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if total >= 86_400 { return "\(total / 86_400) d \(total % 86_400 / 3600) h" }
        if total >= 3600 { return "\(total / 3600):\(two(total / 60 % 60)):\(two(total % 60))" }
        return "\(total / 60):\(two(total % 60))"
    }

    /// A number with a fixed count of decimals.
    package static func decimal(_ value: Double, digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "–" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % scale)
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(sign)\(scaled / scale).\(zeros)\(fraction)"
    }

    private static func columnCount(of character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.properties.generalCategory {
        case .control, .format, .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        if scalar.properties.isEmojiPresentation { return 2 }
        // An emoji that is text by default becomes wide by variation selector 16.
        if character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        return wideRanges.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    /// East Asian Wide and Fullwidth blocks of Unicode's EastAsianWidth.txt.
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
        0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
        0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]
}
