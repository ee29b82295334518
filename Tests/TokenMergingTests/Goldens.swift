// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// A file of cases written by scripts/goldens/merging.py.
struct Goldens<Case: Decodable>: Decodable {
    var cases: [Case]

    static func load(_ name: String) throws -> [Case] {
        let cases = try GoldenFiles(of: .module).decode(Goldens.self, from: "\(name).json").cases
        try #require(!cases.isEmpty, "no cases in \(name).json")
        return cases
    }
}

/// `tomesd`'s answer to one case.
struct ToMeGolden: Decodable {
    var batch: Int
    var height: Int
    var width: Int
    var channels: Int
    var sx: Int
    var sy: Int
    var ratio: Double
    var call: Int?
    var features: [Float]
    var groups: [[[Int]]]
    var merged: [Float]
    var unmerged: [Float]

    var shape: TensorShape {
        TensorShape(batch: batch, height: height, width: width, channels: channels)
    }
}

/// scikit-learn's clusters of one set of tokens.
struct ATCGolden: Decodable {
    struct Partition: Decodable {
        var linkage: TokenMergeLinkage
        var ratio: Double
        var labels: [Int]
    }
    var height: Int
    var width: Int
    var channels: Int
    var features: [Float]
    var partitions: [Partition]
}

/// Importance-based matching of one pair of samples.
struct ImportanceGolden: Decodable {
    var height: Int
    var width: Int
    var channels: Int
    var ratio: Double
    var call: Int
    var map_height: Int
    var map_width: Int
    var importance: [Float]
    var features: [Float]
    var groups: [[[Int]]]
}

/// The tokens selected by torch's nearest interpolation.
struct ToDoGolden: Decodable {
    var height: Int
    var width: Int
    var factor: Int
    var tokens: [Int]
}

extension TokenMergePlan {
    /// Every group's tokens, sorted: a partition without any order.
    func partition(part: Int = 0) -> Set<[Int]> {
        Set((0..<layout.mergedCount).map { members(ofRow: $0, part: part).sorted() })
    }
}

/// Largest difference of two lists.
func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
    guard left.count == right.count else { return .infinity }
    return zip(left, right).reduce(0) { largest, pair in
        let difference = (pair.0 - pair.1).magnitude
        return difference.isNaN ? .infinity : max(largest, difference)
    }
}
