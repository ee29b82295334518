// SPDX-License-Identifier: Apache-2.0

/// Splits a line into words as Python's `shlex.split` does, which A1111 uses for prompt files.
package enum ShellWords {
    /// Why a line cannot be split.
    package enum Problem: Error, Equatable, CustomStringConvertible {
        case unclosedQuote(Character)
        case trailingBackslash

        package var description: String {
            switch self {
            case .unclosedQuote(let quote): "a \(quote) is never closed"
            case .trailingBackslash: "nothing follows the last backslash"
            }
        }
    }

    /// The words of a line: quotes group, a backslash takes the next character literally, in double
    /// quotes only before `"` and `\`.
    package static func split(_ line: String) throws(Problem) -> [String] {
        var words: [String] = []
        var word: String?
        var characters = line.makeIterator()
        while let character = characters.next() {
            switch character {
            case " ", "\t":
                if let finished = word { words.append(finished) }
                word = nil
            case "'", "\"":
                word = try (word ?? "") + quoted(by: character, from: &characters)
            case "\\":
                guard let next = characters.next() else { throw .trailingBackslash }
                word = (word ?? "") + String(next)
            default:
                word = (word ?? "") + String(character)
            }
        }
        if let word { words.append(word) }
        return words
    }

    private static func quoted(
        by quote: Character, from characters: inout String.Iterator
    ) throws(Problem) -> String {
        var text = ""
        while let character = characters.next() {
            if character == quote { return text }
            guard quote == "\"", character == "\\" else {
                text.append(character)
                continue
            }
            guard let next = characters.next() else { break }
            if next != "\"" && next != "\\" { text.append("\\") }
            text.append(next)
        }
        throw .unclosedQuote(quote)
    }
}
