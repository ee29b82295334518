// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// What all cross-attention layers of a U-Net need from one text: their keys and values.
///
/// Made once per prompt, used by every step.
package final class PreparedText {
    private let entries: [Tensor]
    /// Number of texts.
    package let batch: Int

    /// - Parameter text: `[batch, tokens, textChannels]`, f32.
    /// - Throws: `TensorStorageError`.
    init(
        _ text: Tensor, layers: [CrossAttention], activationType: ElementType, lane: ComputeLane
    ) throws(TensorStorageError) {
        batch = text.shape.batch
        let shapes = layers.map { $0.keysValuesShape(for: text.shape) }
        var offsets = [0]
        for shape in shapes {
            let byteCount = shape.elementCount * activationType.byteCount
            // The same spacing as in a workspace: whole cache lines, room past the end.
            offsets.append(offsets[offsets.count - 1] + (byteCount + 255) / 128 * 128)
        }
        let storage =
            lane.isMeasuring
            ? TensorStorage.unbacked : try TensorStorage(byteCount: offsets[shapes.count])
        entries = zip(shapes, offsets).map { shape, offset in
            Tensor(
                storage: storage, byteOffset: offset, shape: shape, elementType: activationType)
        }
        lane.workspace.scope {
            let converted = lane.converted(text, to: activationType)
            for (layer, entry) in zip(layers, entries) {
                layer.prepare(converted, into: entry, lane: lane)
            }
        }
    }

    /// One layer's keys and values, side by side: `[batch, tokens, 2 · channels]`.
    func keysValues(_ slot: Int) -> Tensor { entries[slot] }
}
