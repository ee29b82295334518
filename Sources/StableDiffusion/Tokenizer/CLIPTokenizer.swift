// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

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
    private let tokensByID: [Int32: String]

    /// Loads `vocab.json`, `merges.txt` and, where they exist, `tokenizer_config.json`,
    /// `special_tokens_map.json` and `added_tokens.json` of a folder.
    package init(directory: URL) throws(TokenizerError) {
        try self.init(
            files: TokenizerFiles(directory: directory),
            configuration: TokenizerConfiguration(directory: directory))
    }

    init(files: TokenizerFiles, configuration: TokenizerConfiguration) throws(TokenizerError) {
        func id(_ role: String, _ token: String) throws(TokenizerError) -> Int32 {
            if let id = files.vocabulary[token] { return id }
            let added = configuration.addedTokens.last { $0.content == token && $0.id != nil }
            guard let id = added?.id else { throw .missingToken(role: role, token: token) }
            return id
        }
        self.configuration = configuration
        beginningOfTextID = try id("beginning-of-text", configuration.beginningOfText)
        endOfTextID = try id("end-of-text", configuration.endOfText)
        paddingID = try id("padding", configuration.padding)
        encoder = try files.makeEncoder(unknownID: id("unknown", configuration.unknown))

        var tokensByID = [Int32: String](
            files.vocabulary.map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var following = (files.vocabulary.values.max() ?? 0) + 1
        var tokens: [String: (token: AddedToken, id: Int32)] = [:]
        for token in configuration.addedTokens {
            let id = files.vocabulary[token.content] ?? token.id ?? tokens[token.content]?.id
            tokens[token.content] = (token, id ?? following)
            following = max(following, (id ?? following) + 1)
            tokensByID[id ?? following - 1] = token.content
        }
        written = AddedTokenSplitter(tokens.values.filter { !$0.token.isNormalized })
        normalized = AddedTokenSplitter(tokens.values.filter(\.token.isNormalized))
        idCount = Int(following)
        self.tokensByID = tokensByID
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
    package func encode(_ prompt: String) -> TokenizedPrompt {
        let all = ids(of: prompt)
        let kept = all.prefix(configuration.modelMaxLength - 2)
        var ids = [beginningOfTextID] + kept + [endOfTextID]
        let tokenCount = ids.count
        ids += repeatElement(paddingID, count: configuration.modelMaxLength - tokenCount)
        let cut = all.dropFirst(kept.count)
        return TokenizedPrompt(
            ids: ids, tokenCount: tokenCount, removedTokenCount: cut.count,
            removedText: cut.isEmpty ? nil : decode(cut))
    }

    /// The text that ids stand for, as transformers' `decode`: lower case, words set apart by
    /// spaces.
    package func decode(_ ids: some Sequence<Int32>) -> String {
        var bytes: [UInt8] = []
        for id in ids { bytes += ByteAlphabet.bytes(of: tokensByID[id] ?? "") }
        // On bytes: as characters, a `>` may join with a mark that follows it.
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
    /// `modelMaxLength` ids: begin, text, end, padding.
    package var ids: [Int32]
    /// Ids before the padding, begin and end included.
    package var tokenCount: Int
    /// How many ids of text did not fit.
    package var removedTokenCount: Int
    /// The text that did not fit; `nil` when all did.
    package var removedText: String?

    /// What to tell the person whose prompt was cut, naming what was lost; `nil` when nothing was.
    package var truncationWarning: String? {
        removedText.map { text in
            let shown = text.count > 200 ? text.prefix(199) + "…" : text[...]
            return """
                the text encoder reads \(ids.count) tokens; the prompt's last \
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
