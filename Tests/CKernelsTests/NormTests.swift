// SPDX-License-Identifier: Apache-2.0

import CKernels
import Glibc
import TestSupport
import Testing

@Suite("Norms")
struct NormTests {
    /// A norm's learned parameters, some of each sign.
    private struct Parameters {
        let scale: [Float]
        let shift: [Float]

        init(_ channels: Int) {
            scale = (0..<channels).map { 1 + 0.3 * Float($0 % 7 - 3) }
            shift = (0..<channels).map { 0.1 * Float($0 % 5 - 2) }
        }
    }

    /// Mean and biased variance in f64.
    private func statistics(_ values: [Float]) -> (mean: Double, variance: Double) {
        let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
        let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return (mean, squares / Double(values.count))
    }

    private func input(
        rows: Int, channels: Int, offset: Float, element: rt_element
    ) -> Matrix {
        var random = SplitMix64(seed: 21)
        return Matrix(rows: rows, channels: channels, gap: 6, element: element) { row, channel in
            offset + Float(channel % 3) + random.normal() * Float(1 + row % 4)
        }
    }

    // MARK: layer norm

    private func layerNorm(
        _ set: KernelSet, _ source: Matrix, into target: Matrix, cut: Int = 1
    ) {
        let parameters = Parameters(source.channels)
        parameters.scale.withUnsafeBufferPointer { scale in
            parameters.shift.withUnsafeBufferPointer { shift in
                guard let scale = scale.baseAddress, let shift = shift.baseAddress else { return }
                var arguments = rt_layer_norm(
                    source: source.source, target: target.target,
                    channels: Int64(source.channels), scale: scale, shift: shift, epsilon: 1e-5)
                set.kernels.layer_norm(&arguments, 0, Int64(cut))
                set.kernels.layer_norm(&arguments, Int64(cut), Int64(source.rowCount))
            }
        }
    }

    private func exactLayerNorm(_ source: Matrix) -> [Double] {
        let parameters = Parameters(source.channels)
        return (0..<source.rowCount).flatMap { row in
            let values = (0..<source.channels).map { source[row, $0] }
            let (mean, variance) = statistics(values)
            return values.enumerated().map { channel, value in
                (Double(value) - mean) / (variance + 1e-5).squareRoot()
                    * Double(parameters.scale[channel]) + Double(parameters.shift[channel])
            }
        }
    }

    @Test("layer norm", arguments: KernelSet.available, RowTests.channelCounts + [320, 1280])
    func layer(_ set: KernelSet, channels: Int) {
        for from in RowTests.elements {
            for to in RowTests.elements {
                let source = input(rows: 5, channels: channels, offset: 2, element: from)
                let target = Matrix(rows: 5, channels: channels, gap: 3, element: to)
                layerNorm(set, source, into: target, cut: 2)
                let deviation = Deviation(target.values, from: exactLayerNorm(source))
                #expect(deviation.relative <= (to == RT_ELEMENT_F32 ? 1e-6 : 0x1p-8))
                #expect(target.hasCleanGaps)
            }
        }
    }

    @Test("layer norm of rows far from zero", arguments: KernelSet.available)
    func layerOffset(_ set: KernelSet) {
        let source = input(rows: 4, channels: 640, offset: 1000, element: RT_ELEMENT_F32)
        let target = Matrix(rows: 4, channels: 640, element: RT_ELEMENT_F32)
        layerNorm(set, source, into: target)
        // The mean itself is known to 1000 · 2^-24 only.
        #expect(Deviation(target.values, from: exactLayerNorm(source)).relative <= 1e-4)
    }

    @Test("layer norm keeps NaN in its row", arguments: KernelSet.available)
    func layerNaN(_ set: KernelSet) {
        for bad in [Float.nan, .infinity] {
            let source = input(rows: 3, channels: 37, offset: 0, element: RT_ELEMENT_F32)
            source[1, 36] = bad
            let target = Matrix(rows: 3, channels: 37, element: RT_ELEMENT_F32)
            layerNorm(set, source, into: target)
            #expect((0..<37).allSatisfy { target[1, $0].isNaN })
            #expect((0..<37).allSatisfy { target[0, $0].isFinite && target[2, $0].isFinite })
        }
    }

    // MARK: group norm

    /// Shape of a group norm: rows per item of a batch of two.
    struct GroupShape: Sendable {
        var rows: Int
        var channels: Int
        var groups: Int
        var chunks: Int
    }

    private func groupNorm(
        _ set: KernelSet, _ shape: GroupShape, _ source: Matrix, into target: Matrix,
        activation: rt_activation
    ) {
        let parameters = Parameters(shape.channels)
        var sums = [Double](repeating: 7, count: 2 * shape.chunks * 2 * shape.groups)
        var coefficients = [Float](repeating: 7, count: 2 * 2 * shape.channels)
        parameters.scale.withUnsafeBufferPointer { scale in
            parameters.shift.withUnsafeBufferPointer { shift in
                sums.withUnsafeMutableBufferPointer { sums in
                    coefficients.withUnsafeMutableBufferPointer { coefficients in
                        guard let scale = scale.baseAddress, let shift = shift.baseAddress,
                            let sums = sums.baseAddress,
                            let coefficients = coefficients.baseAddress
                        else { return }
                        var arguments = rt_group_norm(
                            source: source.source, target: target.target,
                            rows_per_item: Int64(shape.rows), channels: Int64(shape.channels),
                            group_count: Int64(shape.groups), chunk_count: Int64(shape.chunks),
                            rows_per_chunk: Int64(
                                (shape.rows + shape.chunks - 1) / shape.chunks),
                            scale: scale, shift: shift, epsilon: 1e-5, activation: activation,
                            sums: sums, coefficients: coefficients)
                        set.kernels.group_norm_sums(&arguments, 0, Int64(shape.chunks))
                        set.kernels.group_norm_sums(
                            &arguments, Int64(shape.chunks), Int64(2 * shape.chunks))
                        set.kernels.group_norm_combine(&arguments, 0, 2)
                        set.kernels.group_norm_apply(&arguments, 0, 1)
                        set.kernels.group_norm_apply(&arguments, 1, Int64(2 * shape.rows))
                    }
                }
            }
        }
    }

    private func exactGroupNorm(_ shape: GroupShape, _ source: Matrix, silu: Bool) -> [Double] {
        let parameters = Parameters(shape.channels)
        let width = shape.channels / shape.groups
        var result = [Double](repeating: 0, count: source.rowCount * shape.channels)
        for item in 0..<2 {
            for group in 0..<shape.groups {
                let rows = item * shape.rows..<(item + 1) * shape.rows
                let channels = group * width..<(group + 1) * width
                let values = rows.flatMap { row in channels.map { source[row, $0] } }
                let (mean, variance) = statistics(values)
                for row in rows {
                    for channel in channels {
                        let normal =
                            (Double(source[row, channel]) - mean) / (variance + 1e-5).squareRoot()
                        let value =
                            normal * Double(parameters.scale[channel])
                            + Double(parameters.shift[channel])
                        result[row * shape.channels + channel] =
                            silu ? value / (1 + exp(-value)) : value
                    }
                }
            }
        }
        return result
    }

    static let groupShapes = [
        GroupShape(rows: 1, channels: 4, groups: 2, chunks: 1),
        GroupShape(rows: 3, channels: 17, groups: 17, chunks: 1),
        GroupShape(rows: 77, channels: 33, groups: 3, chunks: 2),
        GroupShape(rows: 130, channels: 100, groups: 1, chunks: 1),
        GroupShape(rows: 300, channels: 320, groups: 32, chunks: 3),
        GroupShape(rows: 64, channels: 192, groups: 2, chunks: 5),
    ]

    @Test("group norm with and without SiLU", arguments: KernelSet.available, groupShapes)
    func group(_ set: KernelSet, shape: GroupShape) {
        for from in RowTests.elements {
            for to in RowTests.elements {
                for activation in [RT_ACTIVATION_NONE, RT_ACTIVATION_SILU] {
                    let source = input(
                        rows: 2 * shape.rows, channels: shape.channels, offset: 1, element: from)
                    let target = Matrix(
                        rows: 2 * shape.rows, channels: shape.channels, gap: 2, element: to)
                    groupNorm(set, shape, source, into: target, activation: activation)
                    let exact = exactGroupNorm(
                        shape, source, silu: activation == RT_ACTIVATION_SILU)
                    let deviation = Deviation(target.values, from: exact)
                    #expect(deviation.relative <= (to == RT_ELEMENT_F32 ? 2e-6 : 0x1p-8))
                    #expect(target.hasCleanGaps)
                }
            }
        }
    }

    /// Where sums of squares in f32 would lose everything: a mean of 300 standard deviations, and
    /// an outlier as the first value, which the kernels use as the pivot.
    @Test("group norm of maps far from zero", arguments: KernelSet.available)
    func groupOffset(_ set: KernelSet) {
        let shape = GroupShape(rows: 1000, channels: 40, groups: 4, chunks: 2)
        let source = input(rows: 2000, channels: 40, offset: 1000, element: RT_ELEMENT_F32)
        for channel in 0..<40 { source[0, channel] = -5000 }
        let target = Matrix(rows: 2000, channels: 40, element: RT_ELEMENT_F32)
        groupNorm(set, shape, source, into: target, activation: RT_ACTIVATION_NONE)
        let exact = exactGroupNorm(shape, source, silu: false)
        // f32 knows value − mean to about 1000 · 2^-24, 3e-5 of the deviation.
        #expect(Deviation(target.values, from: exact).relative <= 1e-4)
    }

    @Test("group norm of a constant map", arguments: KernelSet.available)
    func groupConstant(_ set: KernelSet) {
        let shape = GroupShape(rows: 200, channels: 24, groups: 3, chunks: 2)
        let source = Matrix(rows: 400, channels: 24, element: RT_ELEMENT_F32) { _, _ in 3.3 }
        let target = Matrix(rows: 400, channels: 24, element: RT_ELEMENT_F32)
        groupNorm(set, shape, source, into: target, activation: RT_ACTIVATION_NONE)
        let parameters = Parameters(24)
        // 3.3 · scale / sqrt(epsilon) cancels; a unit in its last place is 6e-5.
        #expect(
            (0..<24).allSatisfy { (target[399, $0] - parameters.shift[$0]).magnitude < 3e-4 })
    }

    @Test("group norm keeps NaN in its item and group", arguments: KernelSet.available)
    func groupNaN(_ set: KernelSet) {
        let shape = GroupShape(rows: 150, channels: 20, groups: 2, chunks: 2)
        for bad in [Float.nan, .infinity] {
            for row in [0, 149] {
                let source = input(rows: 300, channels: 20, offset: 0, element: RT_ELEMENT_F32)
                source[row, 12] = bad
                let target = Matrix(rows: 300, channels: 20, element: RT_ELEMENT_F32)
                groupNorm(set, shape, source, into: target, activation: RT_ACTIVATION_SILU)
                func all(_ rows: Range<Int>, _ channels: Range<Int>, _ test: (Float) -> Bool)
                    -> Bool
                {
                    rows.allSatisfy { row in channels.allSatisfy { test(target[row, $0]) } }
                }
                #expect(all(0..<150, 10..<20) { $0.isNaN })
                #expect(all(0..<150, 0..<10) { $0.isFinite })
                #expect(all(150..<300, 0..<20) { $0.isFinite })
            }
        }
    }
}
