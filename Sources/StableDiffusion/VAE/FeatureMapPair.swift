// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// Two alternating blocks of memory: one holds a feature map, the other is for the next layer.
struct FeatureMapPair {
    private let blocks: [Tensor]
    /// The block that holds the map.
    private var current = 0

    /// - Parameters:
    ///   - map: the map, whose block has room for all later ones.
    ///   - other: memory of the same size.
    init(_ map: Tensor, other: Tensor) { blocks = [map, other] }

    /// Memory for a map that goes through layers of which the first is an upsampler, in the
    /// caller's scope.
    ///
    /// - Parameters:
    ///   - shape: the map's before the first layer, elsewhere in memory.
    ///   - activationType: how residual blocks store the values between their convolutions.
    init(
        from shape: TensorShape, through layers: [DecoderLayer], activationType: ElementType,
        lane: ComputeLane
    ) {
        var (shape, counts, current) = (shape, [1, 1], 0)
        func need(_ type: ElementType, _ block: Int) {
            counts[block] = max(counts[block], shape.elementCount * type.byteCount)
        }
        for layer in layers {
            switch layer.kind {
            case .resnet(let resnet):
                shape = resnet.outputShape(for: shape)
                need(.float32, current)
                need(activationType, 1 - current)
            case .upsampler(let upsampler):
                shape = upsampler.outputShape(for: shape)
                current = 1 - current
                need(.float32, current)
            case .attention: break
            }
        }
        blocks = counts.map { byteCount in
            lane.workspace.tensor(
                TensorShape(tokens: (byteCount + 3) / 4, channels: 1), .float32)
        }
    }

    /// A tensor in the other block; the map is unchanged.
    func other(_ shape: TensorShape, _ type: ElementType) -> Tensor {
        Tensor(
            storage: blocks[1 - current].storage, byteOffset: blocks[1 - current].byteOffset,
            shape: shape, elementType: type)
    }

    /// A tensor in the other block, which becomes the map.
    mutating func next(_ shape: TensorShape) -> Tensor {
        defer { current = 1 - current }
        return other(shape, .float32)
    }
}
