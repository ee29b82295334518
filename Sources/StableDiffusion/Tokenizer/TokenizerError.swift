// SPDX-License-Identifier: Apache-2.0

/// Why a tokenizer folder can't be used.
///
/// Paths are named as the caller gave them.
package enum TokenizerError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case malformedVocabulary(path: String, reason: String)
    case malformedMerge(path: String, line: Int, text: String)
    case mergeOutsideVocabulary(path: String, line: Int, token: String)
    case malformedConfiguration(path: String, reason: String)
    case missingToken(role: String, token: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            """
            can't read \(path): \(reason); a tokenizer folder holds vocab.json and merges.txt, \
            as published with Stable Diffusion 1.x and 2.x
            """
        case .malformedVocabulary(let path, let reason):
            "\(path) is no CLIP vocabulary: \(reason); download the file again"
        case .malformedMerge(let path, let line, let text):
            """
            \(path), line \(line): "\(text)" is no merge; each line holds two symbols with one \
            space between them; download the file again
            """
        case .mergeOutsideVocabulary(let path, let line, let token):
            """
            \(path), line \(line): "\(token)" is not in vocab.json; \
            take both files from the same model
            """
        case .malformedConfiguration(let path, let reason):
            "\(path) can't be understood: \(reason)"
        case .missingToken(let role, let token):
            """
            the \(role) token "\(token)" is not in vocab.json; \
            take tokenizer_config.json and vocab.json from the same model
            """
        }
    }
}
