// SPDX-License-Identifier: Apache-2.0

/// Sorts tokens by score, highest first, equal scores by lowest raster index: a total order, so the
/// result does not depend on the algorithm.
///
/// In place, without allocation; O(n log n).
///
/// - Parameters:
///   - tokens: `count` token indices; sorted in place.
///   - scores: indexed by token.
func rankTokens(
    _ tokens: UnsafeMutablePointer<Int32>, count: Int, scores: UnsafePointer<Double>
) {
    if count <= 24 {
        for index in stride(from: 1, to: count, by: 1) {
            let token = tokens[index]
            var hole = index
            while hole > 0, precedes(token, tokens[hole - 1], scores) {
                tokens[hole] = tokens[hole - 1]
                hole -= 1
            }
            tokens[hole] = token
        }
        return
    }
    // Heap sort, the last in the ranking at the root.
    var root = count / 2
    while root > 0 {
        root -= 1
        sift(tokens, root, count, scores)
    }
    var end = count - 1
    while end > 0 {
        (tokens[0], tokens[end]) = (tokens[end], tokens[0])
        sift(tokens, 0, end, scores)
        end -= 1
    }
}

/// Whether `left` comes before `right` in the ranking.
@inline(__always)
func precedes(_ left: Int32, _ right: Int32, _ scores: UnsafePointer<Double>) -> Bool {
    let (a, b) = (scores[Int(left)], scores[Int(right)])
    return a > b || (a == b && left < right)
}

private func sift(
    _ tokens: UnsafeMutablePointer<Int32>, _ start: Int, _ end: Int,
    _ scores: UnsafePointer<Double>
) {
    var root = start
    let token = tokens[root]
    while 2 * root + 1 < end {
        var child = 2 * root + 1
        if child + 1 < end, precedes(tokens[child], tokens[child + 1], scores) { child += 1 }
        guard precedes(token, tokens[child], scores) else { break }
        tokens[root] = tokens[child]
        root = child
    }
    tokens[root] = token
}
