// SPDX-License-Identifier: Apache-2.0

/// Splits normalised text into the words that byte-pair encoding works on.
///
/// Equal to the two regular expressions of transformers' pre-tokenizer, one after the other:
/// `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
/// whose two literal markers GPT-2's expression then splits into `<|`, the word and `|>`.
struct WordScanner {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var pending: [Range<Int>] = []

    /// Scans normalised text.
    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    /// The next word, or `nil` at the end.
    mutating func next() -> ArraySlice<Unicode.Scalar>? {
        if let range = pending.popLast() { return scalars[range] }
        while position < scalars.count {
            switch ScalarClass(scalars[position]) {
            case .whitespace: position += 1
            case .letter: return take { $0 == .letter }
            case .number:
                position += 1
                return scalars[position - 1..<position]
            case .other: return takeOther()
            }
        }
        return nil
    }

    private mutating func takeOther() -> ArraySlice<Unicode.Scalar> {
        let start = position
        for marker in Self.markers where scalars[start...].starts(with: marker) {
            position += marker.count
            pending = [position - 2..<position, start + 2..<position - 2]
            return scalars[start..<start + 2]
        }
        for contraction in Self.contractions where scalars[start...].starts(with: contraction) {
            position += contraction.count
            return scalars[start..<position]
        }
        return take { $0 == .other }
    }

    private mutating func take(
        while belongs: (ScalarClass) -> Bool
    ) -> ArraySlice<Unicode.Scalar> {
        let start = position
        position += 1
        while position < scalars.count, belongs(ScalarClass(scalars[position])) { position += 1 }
        return scalars[start..<position]
    }

    private static let markers = ["<|startoftext|>", "<|endoftext|>"].map {
        Array($0.unicodeScalars)
    }
    /// In the expression's order; none is a prefix of another.
    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map {
        Array($0.unicodeScalars)
    }
}
