// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Sums of one feature map for its group norm, accumulated from bands of the map.
///
/// The same bands in the same order give the same bits, regardless of their addresses.
package struct GroupNormSums {
    fileprivate let groupCount: Int
    /// `[2, groupCount]`: sums of values, sums of squares.
    fileprivate let sums: UnsafeMutablePointer<Double>
}

/// What a group norm does to each channel of a feature map: `factor · x + offset`.
package struct GroupNormCoefficients {
    fileprivate let channels: Int
    /// `[2, channels]`: factors, offsets.
    fileprivate let values: UnsafeMutablePointer<Float>
}

extension ComputeLane {
    /// Empty sums, in the caller's scope.
    package func groupNormSums(groupCount: Int) -> GroupNormSums {
        let bytes = workspace.bytes(2 * groupCount * MemoryLayout<Double>.stride)
        let sums = bytes.assumingMemoryBound(to: Double.self)
        if !isMeasuring { sums.update(repeating: 0, count: 2 * groupCount) }
        return GroupNormSums(groupCount: groupCount, sums: sums)
    }

    /// Accumulates a band of a map, `[1, height, width, channels]`.
    package func addBand(_ band: Tensor, to sums: GroupNormSums) {
        let shape = band.shape
        precondition(
            shape.batch == 1 && shape.channels % sums.groupCount == 0,
            "\(sums.groupCount) groups of \(shape)")
        let span = begin(.groupNorm, tokenCount: shape.tokenCount)
        defer { end(span) }
        let chunks = RowChunks(rowCount: shape.tokenCount)
        workspace.scope {
            let count = chunks.count * 2 * sums.groupCount
            let bytes = workspace.bytes(count * MemoryLayout<Double>.stride)
            if isMeasuring { return }
            let parts = bytes.assumingMemoryBound(to: Double.self)
            var arguments = rt_group_norm(band, groupCount: sums.groupCount, sums: parts)
            arguments.chunk_count = Int64(chunks.count)
            arguments.rows_per_chunk = Int64(chunks.rowsPerChunk)
            run(kernels.pointee.group_norm_sums, &arguments, unitCount: chunks.count)
            for index in 0..<count { sums.sums[index % (2 * sums.groupCount)] += parts[index] }
        }
    }

    /// The scale and offset of a map's norm, in the caller's scope.
    ///
    /// - Parameters:
    ///   - sums: of all bands of the map.
    ///   - shape: the map's, `[1, height, width, channels]`.
    package func groupNormCoefficients(
        _ norm: ChannelParameters, epsilon: Float, sums: GroupNormSums, of shape: TensorShape
    ) -> GroupNormCoefficients {
        precondition(norm.count == shape.channels, "\(norm.count) parameters for \(shape)")
        let bytes = workspace.bytes(2 * shape.channels * MemoryLayout<Float>.stride)
        let values = bytes.assumingMemoryBound(to: Float.self)
        let coefficients = GroupNormCoefficients(channels: shape.channels, values: values)
        if isMeasuring { return coefficients }
        let map = Tensor(storage: .unbacked, shape: shape, elementType: .float32)
        var arguments = rt_group_norm(map, groupCount: sums.groupCount, sums: sums.sums)
        arguments.scale = norm.scale
        arguments.shift = norm.shift
        arguments.epsilon = epsilon
        arguments.coefficients = values
        kernels.pointee.group_norm_combine(&arguments, 0, 1)
        return coefficients
    }

    /// Normalises a band of a map, then applies an optional activation; types may differ.
    package func groupNorm(
        _ coefficients: GroupNormCoefficients, activation: Activation?, _ input: Tensor,
        into output: Tensor
    ) {
        let shape = input.shape
        precondition(
            shape == output.shape && shape.channels == coefficients.channels,
            "group norm of \(shape) into \(output.shape)")
        let span = begin(.groupNorm, tokenCount: shape.tokenCount)
        defer { end(span) }
        if isMeasuring { return }
        var arguments = rt_group_norm(input, groupCount: 1, sums: nil)
        arguments.target = output.kernelTarget
        arguments.activation = activation.kernelActivation
        arguments.coefficients = coefficients.values
        run(kernels.pointee.group_norm_apply, &arguments, unitCount: shape.rowCount)
    }
}

extension rt_group_norm {
    /// The arguments that follow from a map or a part of one, as one chunk; the map's memory
    /// substitutes for all pointers not given.
    fileprivate init(_ map: Tensor, groupCount: Int, sums: UnsafeMutablePointer<Double>?) {
        let unused = map.rawPointer
        self.init(
            source: map.kernelSource, target: map.kernelTarget,
            rows_per_item: Int64(map.shape.tokenCount), channels: Int64(map.shape.channels),
            group_count: Int64(groupCount), chunk_count: 1,
            rows_per_chunk: Int64(map.shape.tokenCount),
            scale: UnsafePointer(unused.assumingMemoryBound(to: Float.self)),
            shift: UnsafePointer(unused.assumingMemoryBound(to: Float.self)), epsilon: 0,
            activation: RT_ACTIVATION_NONE,
            sums: sums ?? unused.assumingMemoryBound(to: Double.self),
            coefficients: unused.assumingMemoryBound(to: Float.self))
    }
}
