// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// Why a tokenizer folder cannot be used.
///
/// Paths are those given by the caller.
package enum TokenizerError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case malformedVocabulary(path: String, reason: String)
    case gitLFSPointer(path: String)
    case malformedMerge(path: String, place: String, text: String)
    case mergeOutsideVocabulary(path: String, place: String, token: String)
    case unsupportedModel(path: String, type: String)
    case malformedConfiguration(path: String, reason: String)
    case missingToken(role: String, token: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            """
            can't read \(path): \(reason); a tokenizer folder holds tokenizer.json, or vocab.json \
            and merges.txt, as published with Stable Diffusion 1.x and 2.x
            """
        case .gitLFSPointer(let path): "\(path) \(GitLFSPointer.explanation)"
        case .malformedVocabulary(let path, let reason):
            "\(path) is not a CLIP vocabulary: \(reason); download the file again"
        case .malformedMerge(let path, let place, let text):
            """
            \(path), \(place): "\(text)" is not a merge; each is two symbols with one space \
            between them; download the file again
            """
        case .mergeOutsideVocabulary(let path, let place, let token):
            """
            \(path), \(place): "\(token)" is not in the vocabulary; \
            take all files of the tokenizer from the same model
            """
        case .unsupportedModel(let path, let type):
            """
            \(path): the tokenizer is of the kind "\(type)", which is not supported; supported: \
            BPE. Use a Stable Diffusion 1.x or 2.x model with CLIP's tokenizer
            """
        case .malformedConfiguration(let path, let reason):
            "\(path) can't be understood: \(reason)"
        case .missingToken(let role, let token):
            """
            the \(role) token "\(token)" is not in the vocabulary; \
            take all files of the tokenizer from the same model
            """
        }
    }
}
