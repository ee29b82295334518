// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A convolution as products over gathered pixels (im2col, one kernel row and one block at a time).
final class OpenBLASConvolution: PackedConvolution {
    let geometry: ConvolutionGeometry
    private let library: OpenBLASLibrary
    /// `[kernelSize, kernelSize, inputChannels, outputChannels]`, then the bias.
    private let storage: TensorStorage

    init(
        _ parameters: ConvolutionParameters, library: OpenBLASLibrary
    ) throws(TensorStorageError) {
        self.library = library
        geometry = parameters.geometry
        let (inputs, outputs) = (geometry.inputChannels, geometry.outputChannels)
        let taps = geometry.kernelSize * geometry.kernelSize
        let count = (taps * inputs + 1) * outputs
        storage = try TensorStorage(byteCount: count * MemoryLayout<Float>.stride, spreads: true)
        let target = storage.base.assumingMemoryBound(to: Float.self)
        WeightTranspose.outputsLast(parameters.weight, geometry: geometry, into: target)
        for output in 0..<outputs {
            target[taps * inputs * outputs + output] = parameters.bias?[output] ?? 0
        }
    }

    /// All taps of one kernel row after the other.
    private var weights: Matrix {
        let size = geometry.kernelSize
        return Matrix(
            base: UnsafePointer(storage.base.assumingMemoryBound(to: Float.self)),
            rows: size * size * geometry.inputChannels, columns: geometry.outputChannels,
            stride: geometry.outputChannels)
    }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        LayerCheck.convolution(geometry, input, output, epilogue, type: .float32)
        precondition(output.elementType == .float32, "OpenBLAS writes f32 only")
        let grid = output.shape
        lane.work.convolutionFLOPs += geometry.operationCount(output: grid)
        let depth = geometry.kernelSize * geometry.inputChannels
        lane.workspace.scope {
            let product = BlasEpilogue(
                epilogue, ownBias: weights.base + weights.rows * weights.columns, output: output,
                lane: lane)
            let gathersPixels =
                geometry.kernelSize > 1 || geometry.stride > 1 || geometry.padding > 0
                || geometry.verticalPadding > 0
            let blockCount = min(ProductSplit.blockRows, grid.rowCount) * depth
            let scratchCount = gathersPixels ? lane.team.threadCount * blockCount : 0
            let scratch = lane.workspace.bytes(scratchCount * MemoryLayout<Float>.stride)
                .assumingMemoryBound(to: Float.self)
            if lane.isMeasuring { return }
            let split = ProductSplit(rows: grid.rowCount, columns: geometry.outputChannels)
            split.forEachBlock(lane.team) { part, rows, columns in
                let target = product.target(part: part, rows: rows, columns: columns)
                for kernelRow in 0..<geometry.kernelSize {
                    let pixels =
                        gathersPixels
                        ? gather(
                            input, grid: grid, pixels: rows, kernelRow: kernelRow,
                            into: scratch + part * blockCount)
                        : Matrix(
                            base: input.floats + rows.lowerBound * input.rowStride,
                            rows: rows.count, columns: depth, stride: input.rowStride)
                    let weightRows = kernelRow * depth..<(kernelRow + 1) * depth
                    library.multiply(
                        pixels, weights.part(rows: weightRows, columns: columns), into: target,
                        accumulates: product.accumulates || kernelRow > 0)
                }
                product.finish(target, rows: rows, columns: columns)
            }
        }
    }

    /// Copies, for each output pixel, the inputs under one row of the kernel:
    /// `[pixels, kernelSize · inputChannels]`, zeros outside the picture.
    private func gather(
        _ input: Tensor, grid: TensorShape, pixels: Range<Int>, kernelRow: Int,
        into target: UnsafeMutablePointer<Float>
    ) -> Matrix {
        let channels = geometry.inputChannels
        let depth = geometry.kernelSize * channels
        let (height, width) = (input.shape.height, input.shape.width)
        for (index, pixel) in pixels.enumerated() {
            let line = target + index * depth
            let (image, position) = pixel.quotientAndRemainder(dividingBy: grid.tokenCount)
            let (outputY, outputX) = position.quotientAndRemainder(dividingBy: grid.width)
            let y = outputY * geometry.stride + kernelRow - geometry.verticalPadding
            let left = outputX * geometry.stride - geometry.padding
            let inside = max(left, 0)..<max(min(left + geometry.kernelSize, width), max(left, 0))
            guard y >= 0, y < height, !inside.isEmpty else {
                memset(line, 0, depth * MemoryLayout<Float>.stride)
                continue
            }
            if inside.count < geometry.kernelSize {
                memset(line, 0, depth * MemoryLayout<Float>.stride)
            }
            let source = input.floats + ((image * height + y) * width) * input.rowStride
            if input.isContiguous {
                memcpy(
                    line + (inside.lowerBound - left) * channels,
                    source + inside.lowerBound * channels,
                    inside.count * channels * MemoryLayout<Float>.stride)
            } else {
                for x in inside {
                    memcpy(
                        line + (x - left) * channels, source + x * input.rowStride,
                        channels * MemoryLayout<Float>.stride)
                }
            }
        }
        return Matrix(
            base: UnsafePointer(target), rows: pixels.count, columns: depth, stride: depth)
    }
}
