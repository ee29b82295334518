// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

extension GenerationParametersText {
    /// Reads a `parameters` text the way A1111's `parse_generation_parameters` does.
    ///
    /// The last line counts as pairs when it has at least three matches of
    /// `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`, else it belongs to the prompt.
    package init(parsing text: String) {
        var lines = GenerationParametersText.trimmed(text).split(
            separator: "\n", omittingEmptySubsequences: false)
        var fields: [Field] = []
        if let last = lines.last {
            let found = GenerationParametersText.pairs(in: last)
            if found.count >= 3 {
                fields = found
                lines.removeLast()
            }
        }
        var prompt: [String] = []
        var negativePrompt: [String] = []
        var isNegative = false
        for line in lines {
            var line = GenerationParametersText.trimmed(line)
            let marker = "Negative prompt:"
            if line.hasPrefix(marker) {
                isNegative = true
                line = GenerationParametersText.trimmed(line.dropFirst(marker.count))
            }
            if isNegative { negativePrompt.append(line) } else { prompt.append(line) }
        }
        self.prompt = prompt.joined(separator: "\n")
        self.negativePrompt = negativePrompt.joined(separator: "\n")
        self.fields = fields
    }

    /// All matches of A1111's expression, left to right.
    private static func pairs(in line: Substring) -> [Field] {
        var fields: [Field] = []
        var rest = line
        while !rest.isEmpty {
            guard let colon = rest.firstIndex(of: ":") else { break }
            // The key is what the expression can reach backwards from the colon.
            let start = rest[..<colon].lastIndex { !isKeyCharacter($0) }
            let key = trimmed(start.map { rest[rest.index(after: $0)..<colon] } ?? rest[..<colon])
                .drop { !isWordCharacter($0) }
            let (value, end) = value(in: rest[rest.index(after: colon)...])
            if key.count >= 2 { fields.append(Field(String(key), value)) }
            rest = rest[end...]
        }
        return fields
    }

    /// The value behind a colon, unquoted, and where the next pair begins.
    private static func value(in text: Substring) -> (String, Substring.Index) {
        let start = text.firstIndex { !$0.isWhitespace } ?? text.endIndex
        if start < text.endIndex, text[start] == "\"", let quote = closingQuote(in: text[start...])
        {
            let next = text.index(after: quote)
            if next == text.endIndex || text[next] == "," {
                let quoted = text[start..<next]
                let plain = try? JSONDecoder().decode(String.self, from: Data(quoted.utf8))
                let end = next == text.endIndex ? next : text.index(after: next)
                return (plain ?? String(quoted), end)
            }
        }
        let comma = text[start...].firstIndex(of: ",") ?? text.endIndex
        let end = comma == text.endIndex ? comma : text.index(after: comma)
        return (trimmed(text[start..<comma]), end)
    }

    private static func closingQuote(in text: Substring) -> Substring.Index? {
        var index = text.index(after: text.startIndex)
        while index < text.endIndex {
            if text[index] == "\"" { return index }
            if text[index] == "\\" {
                index = text.index(after: index)
                guard index < text.endIndex else { return nil }
            }
            index = text.index(after: index)
        }
        return nil
    }

    private static func isWordCharacter(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }

    private static func isKeyCharacter(_ character: Character) -> Bool {
        isWordCharacter(character) || character == " " || character == "-" || character == "/"
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        guard let start = text.firstIndex(where: { !$0.isWhitespace }),
            let end = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[start...end])
    }
}
