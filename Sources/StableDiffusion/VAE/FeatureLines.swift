// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// A feature map of one picture, of which some lines at a time are asked for.
protocol FeatureLines {
    /// `[1, height, width, channels]` of the whole map.
    var shape: TensorShape { get }

    /// Some lines, in memory that is valid until the caller's scope of the workspace ends.
    func lines(_ range: Range<Int>, pass: DecoderPass) -> Tensor
}

/// Consecutive lines of a map that are in memory.
struct StoredLines: FeatureLines {
    let shape: TensorShape
    private let tensor: Tensor
    private let first: Int

    /// All lines of a map.
    init(_ map: Tensor) { self.init(map, from: 0, of: map.shape) }

    /// - Parameters:
    ///   - tensor: the lines that are there.
    ///   - first: which line of the map comes first.
    ///   - shape: the whole map's.
    init(_ tensor: Tensor, from first: Int, of shape: TensorShape) {
        self.shape = shape
        self.tensor = tensor
        self.first = first
    }

    func lines(_ range: Range<Int>, pass: DecoderPass) -> Tensor {
        tensor.lines(range.lowerBound - first..<range.upperBound - first)
    }
}
