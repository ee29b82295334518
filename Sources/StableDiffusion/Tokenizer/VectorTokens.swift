// SPDX-License-Identifier: Apache-2.0

/// Added tokens that represent several vectors of a textual inversion.
///
/// They are `<x>`, `<x>_1`, `<x>_2` and so on. A prompt names only the first; diffusers'
/// `maybe_convert_prompt` inserts the others after it.
struct VectorTokens: Sendable {
    /// A token and all of its vectors, separated by spaces.
    private struct Expansion: Sendable {
        var token: [Unicode.Scalar]
        var replacement: [Unicode.Scalar]
    }

    private let expansions: [Int32: Expansion]

    /// Finds them among the ids of all added tokens.
    init(_ ids: [String: Int32]) {
        var expansions: [Int32: Expansion] = [:]
        for (token, id) in ids where ids["\(token)_1"] != nil {
            var replacement = token
            var index = 1
            while ids["\(token)_\(index)"] != nil {
                replacement += " \(token)_\(index)"
                index += 1
            }
            expansions[id] = Expansion(
                token: Array(token.unicodeScalars), replacement: Array(replacement.unicodeScalars))
        }
        self.expansions = expansions
    }

    /// The prompt with all vectors of its tokens; `nil` if it has no such token.
    ///
    /// As in diffusers: a string that occurs as a token is replaced wherever its letters occur. One
    /// with different letter case is found, but not replaced.
    ///
    /// - Parameter ids: the prompt's.
    func expanding(_ prompt: String, ids: [Int32]) -> String? {
        guard !expansions.isEmpty else { return nil }
        var done: Set<Int32> = []
        let found = ids.filter { expansions[$0] != nil && done.insert($0).inserted }
        guard !found.isEmpty else { return nil }
        var scalars = Array(prompt.unicodeScalars)
        for id in found {
            guard let expansion = expansions[id] else { continue }
            scalars = Self.replacing(expansion.token, with: expansion.replacement, in: scalars)
        }
        return String(String.UnicodeScalarView(scalars))
    }

    private static func replacing(
        _ part: [Unicode.Scalar], with replacement: [Unicode.Scalar], in text: [Unicode.Scalar]
    ) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var position = 0
        while position < text.count {
            if text[position...].starts(with: part) {
                result += replacement
                position += part.count
            } else {
                result.append(text[position])
                position += 1
            }
        }
        return result
    }
}
