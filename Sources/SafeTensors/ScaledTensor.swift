// SPDX-License-Identifier: Apache-2.0

/// A weight that a file keeps divided by a scale, so that it fits eight bits: one factor for all
/// values, or one per row.
package struct ScaledTensor: WeightSource {
    package var name: String { base.name }
    package var scalarType: ScalarType { base.scalarType }
    package var shape: [Int] { base.shape }
    private let base: any WeightSource
    private let scale: any WeightSource

    /// Pairs a weight with its scale; `nil` where the scale has another number of values.
    package init?(_ base: any WeightSource, scale: any WeightSource) {
        guard scale.scalarType.isReadableAsFloat,
            scale.elementCount == 1 || scale.elementCount == base.shape.first
        else { return nil }
        self.base = base
        self.scale = scale
    }

    package func read(
        from index: Int, into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        try base.read(from: index, into: target)
        let factors = try scale.floats()
        // The scale of a whole tensor is one long row's.
        let rowLength = factors.count == 1 ? elementCount : elementCount / factors.count
        var place = 0
        while place < target.count {
            let row = (index + place) / rowLength
            let end = min(target.count, (row + 1) * rowLength - index)
            for value in place..<end { target[value] *= factors[row] }
            place = end
        }
    }
}
