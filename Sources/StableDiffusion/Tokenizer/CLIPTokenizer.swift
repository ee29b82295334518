// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import Requests

/// CLIP's byte-level byte-pair tokenizer; ids equal to transformers 5's `CLIPTokenizer`.
package struct CLIPTokenizer: Sendable {
    /// Lengths, special tokens and padding.
    package let configuration: TokenizerConfiguration
    /// Id of the beginning-of-text token.
    package let beginningOfTextID: Int32
    /// Id of the end-of-text token; the text encoder pools at its first position.
    package let endOfTextID: Int32
    /// Id of the padding token.
    package let paddingID: Int32
    /// One more than the largest id this tokenizer can return.
    package let idCount: Int

    private let encoder: BytePairEncoder
    private let written: AddedTokenSplitter
    private let normalized: AddedTokenSplitter
    private let vectors: VectorTokens
    private var tokensByID: [Int32: String]
    private var inversions = InversionTokens()

    /// Loads a folder's `tokenizer.json`, or `vocab.json` and `merges.txt`, and, if they exist,
    /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`.
    package init(directory: URL) throws(TokenizerError) {
        let whole = try TokenizerFiles.decode(
            TokenizerFiles.whole, in: directory, as: TokenizerJSON.self)
        let path = directory.appending(path: TokenizerFiles.whole).path
        let vocabulary =
            if let whole { try TokenizerVocabulary(whole.model, path: path) } else {
                try TokenizerVocabulary(directory: directory)
            }
        try self.init(
            vocabulary: vocabulary,
            configuration: TokenizerConfiguration(directory: directory, whole: whole))
    }

    /// CLIP's own tokenizer, for a model that comes without one.
    ///
    /// - Parameter merges: a file as `merges.txt`.
    package init(merges: URL, padding: CLIPPadding) throws(TokenizerError) {
        try self.init(
            vocabulary: TokenizerVocabulary(merges: merges),
            configuration: TokenizerConfiguration(padding: padding))
    }

    init(
        vocabulary: TokenizerVocabulary, configuration: TokenizerConfiguration
    ) throws(TokenizerError) {
        let ids = Self.ids(of: configuration.addedTokens, vocabulary)
        func id(_ role: String, _ token: String) throws(TokenizerError) -> Int32 {
            if let id = vocabulary.ids[token] { return id }
            let isListed = configuration.addedTokens.contains {
                $0.content == token && $0.id != nil
            }
            guard isListed, let id = ids[token] else {
                throw .missingToken(role: role, token: token)
            }
            return id
        }
        self.configuration = configuration
        beginningOfTextID = try id("beginning-of-text", configuration.beginningOfText)
        endOfTextID = try id("end-of-text", configuration.endOfText)
        paddingID = try id("padding", configuration.padding)
        encoder = try vocabulary.makeEncoder(unknownID: id("unknown", configuration.unknown))

        var tokensByID = [Int32: String](
            vocabulary.ids.map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        for (content, id) in ids { tokensByID[id] = content }
        self.tokensByID = tokensByID
        var last: [String: AddedToken] = [:]
        for token in configuration.addedTokens { last[token.content] = token }
        let tokens = last.compactMap { content, token in ids[content].map { (token, $0) } }
        written = AddedTokenSplitter(tokens.filter { !$0.0.isNormalized })
        normalized = AddedTokenSplitter(tokens.filter(\.0.isNormalized))
        vectors = VectorTokens(ids)
        idCount = Int(tokensByID.keys.max() ?? 0) + 1
    }

    /// The ids of added tokens: those of the vocabulary, or the numbers after it in turn, whatever
    /// the files say; transformers 5 counts this way.
    private static func ids(
        of tokens: [AddedToken], _ vocabulary: TokenizerVocabulary
    ) -> [String: Int32] {
        var ids: [String: Int32] = [:]
        var following = Int32(clamping: vocabulary.ids.count)
        for token in tokens where ids[token.content] == nil {
            let id = vocabulary.ids[token.content] ?? following
            ids[token.content] = id
            following = max(following, id + 1)
        }
        return ids
    }

    /// The same tokenizer, which replaces the names of textual inversions in prompts.
    func replacing(_ inversions: InversionTokens) -> CLIPTokenizer {
        var tokenizer = self
        tokenizer.inversions = inversions
        for (id, name) in inversions.names {
            let letters = name.utf8.map { ByteAlphabet.characters[Int($0)] }
            tokenizer.tokensByID[id] = String(String.UnicodeScalarView(letters)) + "</w>"
        }
        return tokenizer
    }

    /// The ids of a text, without begin, end and padding.
    package func ids(of text: String) -> [Int32] {
        var ids: [Int32] = []
        var word: [UInt8] = []
        written.split(Array(text.unicodeScalars)) { piece in
            switch piece {
            case .token(let id): ids.append(id)
            case .text(let scalars):
                let text = String(String.UnicodeScalarView(scalars))
                normalized.split(UnicodeNormalization.normalized(text)) { piece in
                    switch piece {
                    case .token(let id): ids.append(id)
                    case .text(let scalars): encode(scalars, &word, into: &ids)
                    }
                }
            }
        }
        return ids
    }

    private func encode(
        _ scalars: ArraySlice<Unicode.Scalar>, _ word: inout [UInt8], into ids: inout [Int32]
    ) {
        var scanner = WordScanner(Array(scalars))
        while let letters = scanner.next() {
            word.removeAll(keepingCapacity: true)
            for scalar in letters { word.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
            encoder.encode(word, into: &ids)
        }
    }

    /// Encodes a prompt as the pipeline feeds it to the text encoder: begin, at most
    /// `modelMaxLength - 2` ids of text, end, padding.
    ///
    /// Tags of LoRAs are no text. A token that represents several vectors is expanded, then textual
    /// inversions take the place of their names.
    package func encode(_ prompt: String) -> TokenizedPrompt {
        let prompt = PromptNetworks.removed(from: prompt)
        var all = ids(of: prompt)
        if let expanded = vectors.expanding(prompt, ids: all) { all = ids(of: expanded) }
        all = inversions.replacing(all)
        let room = configuration.modelMaxLength - 2
        let cutsLeft = configuration.truncationSide == .left
        let kept = cutsLeft ? all.suffix(room) : all.prefix(room)
        let text = [beginningOfTextID] + kept + [endOfTextID]
        let padding = Array(
            repeating: paddingID, count: configuration.modelMaxLength - text.count)
        let cut = cutsLeft ? all.dropLast(kept.count) : all.dropFirst(kept.count)
        return TokenizedPrompt(
            ids: configuration.paddingSide == .left ? padding + text : text + padding,
            tokenCount: text.count, removedTokenCount: cut.count,
            removedText: cut.isEmpty ? nil : decode(cut), cutsBeginning: cutsLeft)
    }

    /// The text represented by ids, as transformers' `decode`: lower case, words separated by
    /// spaces.
    package func decode(_ ids: some Sequence<Int32>) -> String {
        var bytes: [UInt8] = []
        for id in ids { bytes += ByteAlphabet.bytes(of: tokensByID[id] ?? "") }
        // On bytes: as characters, a `>` may combine with a mark that follows it.
        let marker = Array("</w>".utf8)
        var spaced: [UInt8] = []
        var position = 0
        while position < bytes.count {
            let isMarker = bytes[position...].starts(with: marker)
            spaced.append(isMarker ? UInt8(ascii: " ") : bytes[position])
            position += isMarker ? marker.count : 1
        }
        return String(decoding: spaced, as: UTF8.self).trimmingWhitespace()
    }
}

/// A prompt as ids.
package struct TokenizedPrompt: Sendable, Hashable {
    /// `modelMaxLength` ids: begin, text, end, and padding after or before them.
    package var ids: [Int32]
    /// Ids without the padding, begin and end included.
    package var tokenCount: Int
    /// Number of text ids that did not fit.
    package var removedTokenCount: Int
    /// The text that did not fit; `nil` if all did.
    package var removedText: String?
    /// Whether the beginning did not fit.
    package var cutsBeginning = false

    /// A warning that quotes the truncated part of the prompt; `nil` if nothing was truncated.
    package var truncationWarning: String? {
        removedText.map { text in
            let shown = text.count > 200 ? text.prefix(199) + "…" : text[...]
            return """
                the text encoder reads \(ids.count) tokens; the prompt's \
                \(cutsBeginning ? "first" : "last") \
                \(removedTokenCount) were left out: "\(shown)"
                """
        }
    }
}

extension String {
    fileprivate func trimmingWhitespace() -> String {
        let scalars = unicodeScalars.drop { $0.properties.isWhitespace }
        let end = scalars.lastIndex { !$0.properties.isWhitespace }.map(scalars.index(after:))
        return String(scalars[..<(end ?? scalars.startIndex)])
    }
}
