// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A vocabulary and its merges, checked against each other.
struct TokenizerVocabulary {
    /// Ids by token.
    let ids: [String: Int32]
    private let merges: [UInt64: BytePairEncoder.Merge]

    private static let endOfWord = "</w>"

    /// Two symbols that become one, and the place in the file.
    private struct Pair {
        var left: String
        var right: String
        var place: String
    }

    /// Uses the contents of `tokenizer.json`.
    ///
    /// - Parameter path: the file, for errors.
    init(_ model: TokenizerJSON.Model, path: String) throws(TokenizerError) {
        guard model.type == nil || model.type == "BPE" else {
            throw .unsupportedModel(path: path, type: model.type ?? "")
        }
        var pairs: [Pair] = []
        for (index, symbols) in model.merges.enumerated() {
            let place = "merge \(index + 1)"
            guard symbols.count == 2, !symbols[0].isEmpty, !symbols[1].isEmpty else {
                let text = symbols.joined(separator: " ")
                throw .malformedMerge(path: path, place: place, text: String(text.prefix(80)))
            }
            pairs.append(Pair(left: symbols[0], right: symbols[1], place: place))
        }
        try self.init(ids: model.vocabulary, path: path, pairs: pairs, pairsPath: path)
    }

    /// Reads `vocab.json` and `merges.txt` of a folder.
    init(directory: URL) throws(TokenizerError) {
        let vocabularyURL = directory.appending(path: "vocab.json")
        let mergesURL = directory.appending(path: "merges.txt")
        let data = try TokenizerFiles.read(vocabularyURL)
        let ids: [String: Int32]
        do { ids = try JSONDecoder().decode([String: Int32].self, from: data) } catch {
            throw .malformedVocabulary(path: vocabularyURL.path, reason: jsonReason(error))
        }
        let pairs = try Self.pairs(TokenizerFiles.read(mergesURL), path: mergesURL.path)
        try self.init(
            ids: ids, path: vocabularyURL.path, pairs: pairs, pairsPath: mergesURL.path)
    }

    /// CLIP's own vocabulary, which its merges decide: every byte inside a word and at its end, what
    /// each merge makes, and the two marks.
    init(merges url: URL) throws(TokenizerError) {
        let pairs = try Self.pairs(TokenizerFiles.read(url), path: url.path)
        let bytes = ByteAlphabet.characters.sorted().map { String($0) }
        let tokens =
            bytes + bytes.map { $0 + Self.endOfWord } + pairs.map { $0.left + $0.right }
            + [TokenizerConfiguration.clipBeginning, TokenizerConfiguration.clipEnd]
        let ids = Dictionary(
            zip(tokens, 0..<Int32(tokens.count)), uniquingKeysWith: { _, last in last })
        try self.init(ids: ids, path: url.path, pairs: pairs, pairsPath: url.path)
    }

    private init(
        ids: [String: Int32], path: String, pairs: [Pair], pairsPath: String
    ) throws(TokenizerError) {
        let range = 0..<Int32(ConfigurationLimits.vocabulary.upperBound)
        if let other = ids.first(where: { !range.contains($0.value) }) {
            let reason = "token \"\(other.key)\" has id \(other.value)"
            throw .malformedVocabulary(path: path, reason: reason)
        }
        var merges: [UInt64: BytePairEncoder.Merge] = [:]
        merges.reserveCapacity(pairs.count)
        for (rank, pair) in pairs.enumerated() {
            func id(_ token: String) throws(TokenizerError) -> Int32 {
                guard let id = ids[token] else {
                    throw .mergeOutsideVocabulary(
                        path: pairsPath, place: pair.place, token: token)
                }
                return id
            }
            let key = try BytePairEncoder.key(id(pair.left), id(pair.right))
            merges[key] = try .init(rank: Int32(rank), id: id(pair.left + pair.right))
        }
        self.ids = ids
        self.merges = merges
    }

    /// Builds the encoder; bytes that the vocabulary lacks become `unknownID`.
    func makeEncoder(unknownID: Int32) -> BytePairEncoder {
        let characters = ByteAlphabet.characters.map { String($0) }
        return BytePairEncoder(
            byteIDs: characters.map { ids[$0] ?? unknownID },
            finalByteIDs: characters.map { ids[$0 + Self.endOfWord] ?? unknownID },
            merges: merges)
    }

    /// The lines of `merges.txt`.
    private static func pairs(_ data: Data, path: String) throws(TokenizerError) -> [Pair] {
        var pairs: [Pair] = []
        let bytes = [UInt8](data)
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, rawLine) in lines.enumerated() {
            let line = rawLine.last == UInt8(ascii: "\r") ? rawLine.dropLast() : rawLine
            if line.isEmpty || line.starts(with: Array("#version".utf8)) { continue }
            let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            let place = "line \(index + 1)"
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                let text = String(decoding: line, as: UTF8.self)
                throw .malformedMerge(path: path, place: place, text: String(text.prefix(80)))
            }
            pairs.append(
                Pair(
                    left: String(decoding: parts[0], as: UTF8.self),
                    right: String(decoding: parts[1], as: UTF8.self), place: place))
        }
        return pairs
    }
}
