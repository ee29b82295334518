// SPDX-License-Identifier: Apache-2.0

/// Byte-pair encoding of one word: joins neighbours by merge rank, leftmost first.
struct BytePairEncoder: Sendable {
    /// The result of joining a pair of symbols, and its rank.
    struct Merge: Sendable {
        var rank: Int32
        var id: Int32
    }

    /// Id of each byte inside a word; the unknown token's if the vocabulary lacks it.
    let byteIDs: [Int32]
    /// Id of each byte at the end of a word.
    let finalByteIDs: [Int32]
    /// Merges by pair of ids, the left one in the upper half.
    let merges: [UInt64: Merge]

    /// Appends the ids of a word given as UTF-8.
    ///
    /// A linked list of symbols and a heap of candidate merges: O(n log n), so that a prompt
    /// consisting of one long word costs no more than others.
    func encode(_ word: [UInt8], into ids: inout [Int32]) {
        guard word.count > 1 else {
            if let byte = word.first { ids.append(finalByteIDs[Int(byte)]) }
            return
        }
        let end = word.count - 1
        let finalID = finalByteIDs[Int(word[end])]
        var symbols = Symbols(word[..<end].map { byteIDs[Int($0)] } + [finalID])
        var candidates = Heap()
        for left in 0..<end { propose(left, &symbols, &candidates) }
        while let candidate = candidates.popMin() {
            guard symbols.holds(candidate) else { continue }
            symbols.join(candidate)
            if symbols.previous[candidate.left] >= 0 {
                propose(Int(symbols.previous[candidate.left]), &symbols, &candidates)
            }
            propose(candidate.left, &symbols, &candidates)
        }
        var position = 0
        while position >= 0 {
            ids.append(symbols.ids[position])
            position = Int(symbols.next[position])
        }
    }

    private func propose(_ left: Int, _ symbols: inout Symbols, _ candidates: inout Heap) {
        let right = Int(symbols.next[left])
        guard right >= 0 else { return }
        let (leftID, rightID) = (symbols.ids[left], symbols.ids[right])
        guard let merge = merges[Self.key(leftID, rightID)] else { return }
        candidates.push(
            Candidate(rank: merge.rank, left: left, leftID: leftID, rightID: rightID, id: merge.id))
    }

    /// The key of a pair in `merges`.
    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// A join that was possible when it was queued.
    struct Candidate {
        var rank: Int32
        var left: Int
        var leftID: Int32
        var rightID: Int32
        var id: Int32

        static func < (a: Candidate, b: Candidate) -> Bool {
            a.rank != b.rank ? a.rank < b.rank : a.left < b.left
        }
    }

    /// The word as a doubly linked list in arrays; -1 ends it.
    struct Symbols {
        var ids: [Int32]
        var previous: [Int32]
        var next: [Int32]

        init(_ ids: [Int32]) {
            self.ids = ids
            previous = (0..<Int32(ids.count)).map { $0 - 1 }
            next = (1...Int32(ids.count)).map { $0 == Int32(ids.count) ? -1 : $0 }
        }

        /// Whether the pair is unchanged; joined symbols have id -1.
        func holds(_ candidate: Candidate) -> Bool {
            let right = Int(next[candidate.left])
            return right >= 0 && ids[candidate.left] == candidate.leftID
                && ids[right] == candidate.rightID
        }

        mutating func join(_ candidate: Candidate) {
            let right = Int(next[candidate.left])
            ids[candidate.left] = candidate.id
            ids[right] = -1
            next[candidate.left] = next[right]
            if next[right] >= 0 { previous[Int(next[right])] = Int32(candidate.left) }
        }
    }

    /// A binary heap, smallest rank first, then leftmost.
    struct Heap {
        private var items: [Candidate] = []

        mutating func push(_ candidate: Candidate) {
            items.append(candidate)
            var child = items.count - 1
            while child > 0, items[child] < items[(child - 1) / 2] {
                items.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        }

        mutating func popMin() -> Candidate? {
            guard let last = items.popLast() else { return nil }
            guard let least = items.first else { return last }
            items[0] = last
            var parent = 0
            while true {
                var child = 2 * parent + 1
                guard child < items.count else { return least }
                if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
                guard items[child] < items[parent] else { return least }
                items.swapAt(child, parent)
                parent = child
            }
        }
    }
}
