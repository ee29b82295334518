// SPDX-License-Identifier: Apache-2.0

/// One reading of one prompt.
struct PromptSyntaxScan {
    /// A bracket that is not closed yet.
    private struct Opening {
        var bracket: Character
        var position: Int
        var lastColon: Int?
        var hasBar = false
        /// Whether the same bracket follows at once.
        var isDoubled: Bool
    }

    /// Longest number, with the white space around it.
    private static let numberCountMax = 16
    /// Largest whole number that a weight or a step is taken to be.
    private static let countMax = 150.0

    private let characters: [Character]
    private var openings: [Opening] = []
    /// How many of each are in `openings`.
    private var openCounts: [Character: Int] = [:]
    private var places: [PromptSyntax: Range<Int>] = [:]

    init(_ prompt: String) { characters = Array(prompt) }

    /// The first place of each kind, in order.
    var found: [(kind: PromptSyntax, text: String)] {
        let inOrder = places.sorted {
            ($0.value.lowerBound, $0.key.rawValue) < ($1.value.lowerBound, $1.key.rawValue)
        }
        return inOrder.map { ($0.key, String(characters[$0.value])) }
    }

    /// Whether anything can be found at all, told fast: lists are long and mostly prose.
    static func isWorthwhile(_ prompt: String) -> Bool {
        var last: UInt8 = 0
        return prompt.utf8.contains { byte in
            defer { last = byte }
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "<"),
                UInt8(ascii: "\\"), UInt8(ascii: ":"), UInt8(ascii: "_"):
                return true
            case UInt8(ascii: "D"): return last == UInt8(ascii: "N")
            case UInt8(ascii: "K"): return last == UInt8(ascii: "A")
            default: return false
            }
        }
    }

    mutating func run() {
        findBrackets()
        findWords()
    }

    private mutating func note(_ kind: PromptSyntax, _ place: Range<Int>) {
        if let known = places[kind], known.lowerBound <= place.lowerBound { return }
        places[kind] = place
    }

    private subscript(position: Int) -> Character? {
        characters.indices.contains(position) ? characters[position] : nil
    }

    // MARK: Brackets

    private mutating func findBrackets() {
        var position = 0
        while position < characters.count {
            let character = characters[position]
            switch character {
            case "\\":
                if let next = self[position + 1], "()[]".contains(next) {
                    note(.escape, position..<position + 2)
                    position += 1
                }
            case "(", "[", "{":
                openCounts[character, default: 0] += 1
                openings.append(
                    Opening(
                        bracket: character, position: position,
                        isDoubled: self[position + 1] == character))
            case ")", "]", "}": close(character, at: position)
            case ":" where !openings.isEmpty: openings[openings.count - 1].lastColon = position
            case "|" where !openings.isEmpty: openings[openings.count - 1].hasBar = true
            default: break
            }
            position += 1
        }
    }

    private mutating func close(_ bracket: Character, at position: Int) {
        let partner: Character = bracket == ")" ? "(" : bracket == "]" ? "[" : "{"
        // What was opened after the partner is never closed: smileys, lists as a) and b).
        guard openCounts[partner, default: 0] > 0 else { return }
        var popped = openings.popLast()
        while let other = popped, other.bracket != partner {
            openCounts[other.bracket, default: 0] -= 1
            popped = openings.popLast()
        }
        guard let opening = popped else { return }
        openCounts[partner, default: 0] -= 1
        let place = opening.position..<position + 1
        let number = opening.lastColon.map { isNumber(after: $0, before: position) } ?? false
        switch partner {
        case "(":
            if number { note(.weight, place) }
            if opening.isDoubled { note(.emphasis, place) }
        case "[":
            if number { note(.editing, place) }
            if opening.isDoubled { note(.deemphasis, place) }
            if opening.hasBar { note(.alternation, place) }
        default:
            if opening.hasBar { note(.alternation, place) }
        }
    }

    /// Whether a number fills the place behind a colon, and is meant as one: no time of day, no
    /// ratio (`16:9`), no count as in `(part: 2)` or `(ISO:400)`.
    private func isNumber(after colon: Int, before end: Int) -> Bool {
        guard end - colon <= Self.numberCountMax else { return false }
        let text = String(characters[(colon + 1)..<end])
        let words = text.split(separator: " ")
        guard words.count == 1 else { return false }
        let digits =
            words[0].first == "-" || words[0].first == "+"
            ? words[0].dropFirst() : words[0]
        guard digits.allSatisfy({ "0123456789.".contains($0) }), let number = Double(digits)
        else { return false }
        if digits.contains(".") { return true }
        let isRatio = self[colon - 1]?.isNumber ?? false
        return !text.hasPrefix(" ") && !isRatio && number <= Self.countMax
    }

    // MARK: Words

    private mutating func findWords() {
        var words: [Range<Int>] = []
        var start: Int?
        for position in 0...characters.count {
            if let character = self[position], !character.isWhitespace {
                start = start ?? position
            } else if let from = start {
                words.append(from..<position)
                start = nil
            }
        }
        for (index, word) in words.enumerated() {
            findFiles(word)
            findWildcard(word)
            let core = String(characters[word].filter { !",.;".contains($0) })
            guard core == "BREAK" || core == "AND" else { continue }
            let isTitle =
                isShouted(words[(index + 1)...].prefix(2))
                || isShouted(words[..<index].suffix(2).reversed())
            if !isTitle { note(core == "AND" ? .composition : .chunkBreak, word) }
        }
    }

    /// Whether the nearest word of more than one letter is in capitals, as in titles and on signs:
    /// `ROCK AND ROLL`, `TAKE A BREAK`.
    private func isShouted(_ words: some Sequence<Range<Int>>) -> Bool {
        for word in words {
            let letters = String(characters[word].filter(\.isLetter))
            if letters == "BREAK" || letters == "AND" { continue }
            if letters.count > 1 { return letters.allSatisfy(\.isUppercase) }
        }
        return false
    }

    private mutating func findFiles(_ word: Range<Int>) {
        guard characters[word].contains(":") else { return }
        let small = characters[word].map { $0.isASCII ? Character($0.lowercased()) : $0 }
        for name in ["<lora:", "<lyco:", "<hypernet:", "embedding:"] {
            guard let offset = small.firstRange(of: Array(name))?.lowerBound else { continue }
            let isNetwork = name.hasPrefix("<")
            if !isNetwork {
                // "word embedding: a picture" is prose.
                let before = offset == 0 ? nil : small[offset - 1]
                let begins = before.map { "(,[{<|".contains($0) } ?? true
                guard begins, offset + name.count < small.count else { continue }
            }
            note(isNetwork ? .network : .embedding, place(from: word.lowerBound + offset))
        }
    }

    /// From here to the end of the thing: a `>`, or where the word ends.
    private func place(from start: Int) -> Range<Int> {
        var end = start
        while let character = self[end], !character.isWhitespace, !",)]".contains(character) {
            end += 1
            if character == ">" { break }
        }
        return start..<end
    }

    private mutating func findWildcard(_ word: Range<Int>) {
        var start: Int?
        for position in word where self[position] == "_" && self[position + 1] == "_" {
            if let from = start, position > from + 2 {
                return note(.wildcard, from..<position + 2)
            }
            start = position
        }
    }
}
