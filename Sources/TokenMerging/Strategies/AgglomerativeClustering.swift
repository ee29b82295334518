// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// Hierarchical clustering of points given all distances, as `scipy.cluster.hierarchy.linkage` and
/// scikit-learn's `AgglomerativeClustering(metric: "precomputed")` do, including ties.
///
/// Average and complete linkage follow chains of nearest neighbours (Müllner, arXiv 1109.2378),
/// single linkage grows a minimum spanning tree (Prim). O(n²) time; n (n − 1) / 2 distances.
struct AgglomerativeClustering {
    let count: Int
    /// Distances of pairs i < j, row by row; overwritten.
    let distances: UnsafeMutablePointer<Double>
    /// Negated height of each merge, in the order of discovery.
    private let heights: UnsafeMutablePointer<Double>
    private let left: UnsafeMutablePointer<Int32>
    private let right: UnsafeMutablePointer<Int32>
    private let sizes: UnsafeMutablePointer<Int32>
    private let chain: UnsafeMutablePointer<Int32>
    private let nearest: UnsafeMutablePointer<Double>

    static func byteCount(_ count: Int) -> Int {
        TokenMergeScratch.byteCount(Double.self, count * (count - 1) / 2)
            + 2 * TokenMergeScratch.byteCount(Double.self, count)
            + 4 * TokenMergeScratch.byteCount(Int32.self, count)
    }

    init(count: Int, _ scratch: TokenMergeScratch) {
        self.count = count
        distances = scratch.take(Double.self, count * (count - 1) / 2)
        heights = scratch.take(Double.self, count)
        nearest = scratch.take(Double.self, count)
        left = scratch.take(Int32.self, count)
        right = scratch.take(Int32.self, count)
        sizes = scratch.take(Int32.self, count)
        chain = scratch.take(Int32.self, count)
    }

    /// The index of the distance between two different points.
    @inline(__always)
    func pair(_ first: Int, _ second: Int) -> Int {
        let (i, j) = first < second ? (first, second) : (second, first)
        return i * (2 * count - i - 1) / 2 + j - i - 1
    }

    /// Writes, for each point, the lowest point of its cluster.
    ///
    /// - Parameters:
    ///   - clusterCount: clusters that remain, 1…n.
    ///   - roots: `[n]`
    func cluster(
        _ linkage: TokenMergeLinkage, into clusterCount: Int, roots: UnsafeMutablePointer<Int32>
    ) {
        switch linkage {
        case .average: followChains { ($0 * $2 + $1 * $3) / ($2 + $3) }
        case .complete: followChains { a, b, _, _ in max(a, b) }
        case .single: growSpanningTree()
        }
        for point in 0..<count { roots[point] = Int32(point) }
        // Merges count in the order of their heights; equal heights in the order of discovery.
        let order = chain
        for merge in 0..<(count - 1) { order[merge] = Int32(merge) }
        rankTokens(order, count: count - 1, scores: heights)
        for index in 0..<(count - clusterCount) {
            let merge = Int(order[index])
            let a = find(left[merge], roots)
            let b = find(right[merge], roots)
            roots[Int(max(a, b))] = min(a, b)
        }
        for point in 0..<count { roots[point] = find(Int32(point), roots) }
    }

    private func find(_ point: Int32, _ roots: UnsafeMutablePointer<Int32>) -> Int32 {
        var root = point
        while roots[Int(root)] != root {
            roots[Int(root)] = roots[Int(roots[Int(root)])]
            root = roots[Int(root)]
        }
        return root
    }

    /// - Parameter update: the distance of a cluster to the union of two others, from its
    ///   distances to both and their sizes (Lance and Williams).
    private func followChains(
        _ update: (_ toX: Double, _ toY: Double, _ sizeX: Double, _ sizeY: Double) -> Double
    ) {
        sizes.update(repeating: 1, count: count)
        var length = 0
        for merge in 0..<(count - 1) {
            if length == 0 {
                chain[0] = Int32((0..<count).first { sizes[$0] > 0 } ?? 0)
                length = 1
            }
            var (x, y) = (0, 0)
            var height = Double.infinity
            while true {
                x = Int(chain[length - 1])
                // The previous element wins ties, otherwise the chain could loop.
                height = .infinity
                y = -1
                if length > 1 {
                    y = Int(chain[length - 2])
                    height = distances[pair(x, y)]
                }
                findNearest(of: x, &y, &height)
                if length > 1, y == Int(chain[length - 2]) { break }
                chain[length] = Int32(y)
                length += 1
            }
            length -= 2
            if x > y { swap(&x, &y) }
            left[merge] = Int32(x)
            right[merge] = Int32(y)
            heights[merge] = -height
            let (sizeX, sizeY) = (Double(sizes[x]), Double(sizes[y]))
            sizes[y] += sizes[x]
            sizes[x] = 0
            for other in 0..<count where sizes[other] > 0 && other != y {
                let target = pair(other, y)
                distances[target] = update(
                    distances[pair(other, x)], distances[target], sizeX, sizeY)
            }
        }
    }

    private func findNearest(of x: Int, _ y: inout Int, _ height: inout Double) {
        for other in 0..<x where sizes[other] > 0 {
            let distance = distances[pair(other, x)]
            if distance < height || y < 0 { (height, y) = (distance, other) }
        }
        let row = distances + x * (2 * count - x - 1) / 2 - x - 1
        for other in Swift.stride(from: x + 1, to: count, by: 1) where sizes[other] > 0 {
            if row[other] < height || y < 0 { (height, y) = (row[other], other) }
        }
    }

    private func growSpanningTree() {
        nearest.update(repeating: .infinity, count: count)
        sizes.update(repeating: 1, count: count)
        var x = 0
        for merge in 0..<(count - 1) {
            sizes[x] = 0
            var y = -1
            var height = Double.infinity
            for other in 0..<count where sizes[other] > 0 {
                nearest[other] = min(nearest[other], distances[pair(x, other)])
                if nearest[other] < height || y < 0 { (height, y) = (nearest[other], other) }
            }
            left[merge] = Int32(x)
            right[merge] = Int32(y)
            heights[merge] = -height
            x = y
        }
    }
}
