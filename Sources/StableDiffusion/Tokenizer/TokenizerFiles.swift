// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// The contents of `vocab.json` and `merges.txt`, checked against each other.
struct TokenizerFiles {
    /// Ids by token.
    let vocabulary: [String: Int32]
    private let merges: [UInt64: BytePairEncoder.Merge]

    private static let endOfWord = "</w>"

    /// Reads both files of a folder.
    init(directory: URL) throws(TokenizerError) {
        let vocabularyURL = directory.appending(path: "vocab.json")
        let mergesURL = directory.appending(path: "merges.txt")
        let vocabularyData = try Self.read(vocabularyURL)
        do {
            vocabulary = try JSONDecoder().decode([String: Int32].self, from: vocabularyData)
        } catch {
            throw .malformedVocabulary(path: vocabularyURL.path, reason: jsonReason(error))
        }
        if let negative = vocabulary.first(where: { $0.value < 0 }) {
            let reason = "token \"\(negative.key)\" has id \(negative.value)"
            throw .malformedVocabulary(path: vocabularyURL.path, reason: reason)
        }
        merges = try Self.parse(Self.read(mergesURL), path: mergesURL.path, vocabulary)
    }

    /// Builds the encoder; bytes that the vocabulary lacks become `unknownID`.
    func makeEncoder(unknownID: Int32) -> BytePairEncoder {
        let characters = ByteAlphabet.characters.map { String($0) }
        return BytePairEncoder(
            byteIDs: characters.map { vocabulary[$0] ?? unknownID },
            finalByteIDs: characters.map { vocabulary[$0 + Self.endOfWord] ?? unknownID },
            merges: merges)
    }

    private static func read(_ url: URL) throws(TokenizerError) -> Data {
        do { return try Data(contentsOf: url) } catch {
            let exists = FileManager.default.fileExists(atPath: url.path)
            throw .unreadable(
                path: url.path, reason: exists ? "permission denied" : "there is no such file")
        }
    }

    private static func parse(
        _ data: Data, path: String, _ vocabulary: [String: Int32]
    ) throws(TokenizerError) -> [UInt64: BytePairEncoder.Merge] {
        var merges: [UInt64: BytePairEncoder.Merge] = [:]
        var rank: Int32 = 0
        let bytes = [UInt8](data)
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, rawLine) in lines.enumerated() {
            let line = rawLine.last == UInt8(ascii: "\r") ? rawLine.dropLast() : rawLine
            if line.isEmpty || line.starts(with: Array("#version".utf8)) { continue }
            let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            let text = String(decoding: line, as: UTF8.self)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw .malformedMerge(
                    path: path, line: index + 1, text: String(text.prefix(80)))
            }
            func id(_ bytes: some Collection<UInt8>) throws(TokenizerError) -> Int32 {
                let token = String(decoding: bytes, as: UTF8.self)
                guard let id = vocabulary[token] else {
                    throw .mergeOutsideVocabulary(path: path, line: index + 1, token: token)
                }
                return id
            }
            let pair = try BytePairEncoder.key(id(parts[0]), id(parts[1]))
            merges[pair] = try .init(rank: rank, id: id(Array(parts[0]) + parts[1]))
            rank += 1
        }
        return merges
    }
}
