// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// A feature map of one picture that is read some lines at a time.
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
    ///   - tensor: the available lines.
    ///   - first: the index in the map of their first line.
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
