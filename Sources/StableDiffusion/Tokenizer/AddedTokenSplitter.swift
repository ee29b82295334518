// SPDX-License-Identifier: Apache-2.0

/// Cuts added tokens out of a text: leftmost first, the longest of those starting there.
struct AddedTokenSplitter: Sendable {
    /// A part of a text.
    enum Piece {
        case token(Int32)
        case text(ArraySlice<Unicode.Scalar>)
    }

    private struct Entry: Sendable {
        var scalars: [Unicode.Scalar]
        var isSingleWord: Bool
        var id: Int32
    }

    private let entries: [Entry]

    /// Searches for tokens with these ids; normalised tokens are matched in their normalised form.
    init(_ tokens: some Sequence<(token: AddedToken, id: Int32)>) {
        entries = tokens.map { token, id in
            let content = token.content
            let scalars =
                token.isNormalized
                ? UnicodeNormalization.normalized(content) : Array(content.unicodeScalars)
            return Entry(scalars: scalars, isSingleWord: token.isSingleWord, id: id)
        }.sorted { ($0.scalars.count, $1.id) > ($1.scalars.count, $0.id) }
    }

    /// Returns the pieces in order, without empty ones.
    func split(_ text: [Unicode.Scalar], _ body: (Piece) -> Void) {
        var start = 0
        var position = 0
        while position < text.count {
            guard let entry = entries.first(where: { matches($0, text, position) }) else {
                position += 1
                continue
            }
            if start < position { body(.text(text[start..<position])) }
            body(.token(entry.id))
            position += entry.scalars.count
            start = position
        }
        if start < text.count { body(.text(text[start...])) }
    }

    private func matches(_ entry: Entry, _ text: [Unicode.Scalar], _ position: Int) -> Bool {
        guard entry.scalars.first == text[position],
            text[position...].starts(with: entry.scalars)
        else { return false }
        guard entry.isSingleWord else { return true }
        let end = position + entry.scalars.count
        return (position == 0 || !Self.isWordScalar(text[position - 1]))
            && (end == text.count || !Self.isWordScalar(text[end]))
    }

    /// Regular expressions' `\w`.
    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark:
            true
        default: scalar.properties.isAlphabetic
        }
    }
}
