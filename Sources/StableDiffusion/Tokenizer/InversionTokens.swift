// SPDX-License-Identifier: Apache-2.0

/// Textual inversions that are named by ordinary words: wherever a prompt has the ids of those words,
/// the ids of the vectors stand instead, as in A1111.
struct InversionTokens: Sendable {
    private struct Entry: Sendable {
        var name: String
        var ids: [Int32]
        var vectors: Range<Int32>
    }

    /// By the first id of the words, those of most words first.
    private var entries: [Int32: [Entry]] = [:]

    /// Names of vectors, for texts, by the first one's id.
    var names: [Int32: String] {
        Dictionary(
            uniqueKeysWithValues: entries.values.joined().map { ($0.vectors.lowerBound, $0.name) })
    }

    /// Adds one.
    ///
    /// - Parameters:
    ///   - ids: those of the name.
    ///   - vectors: the ids of its vectors.
    /// - Throws: `name` where another one has the same ids, or there are none.
    mutating func add(
        _ name: String, ids: [Int32], vectors: Range<Int32>
    ) throws(TextualInversionProblem) {
        guard let first = ids.first else { throw .name("no token stands for it") }
        var known = entries[first] ?? []
        if let other = known.first(where: { $0.ids == ids }) {
            throw .name("\(other.name) is the same to the tokenizer")
        }
        known.append(Entry(name: name, ids: ids, vectors: vectors))
        known.sort { $0.ids.count > $1.ids.count }
        entries[first] = known
    }

    /// The ids with every name replaced, leftmost first.
    func replacing(_ ids: [Int32]) -> [Int32] {
        guard !entries.isEmpty else { return ids }
        var result: [Int32] = []
        var position = 0
        while position < ids.count {
            let rest = ids[position...]
            let entry = entries[ids[position]]?.first { rest.starts(with: $0.ids) }
            if let entry {
                result += entry.vectors
                position += entry.ids.count
            } else {
                result.append(ids[position])
                position += 1
            }
        }
        return result
    }
}
