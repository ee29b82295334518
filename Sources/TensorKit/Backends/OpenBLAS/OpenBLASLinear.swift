// SPDX-License-Identifier: Apache-2.0

/// A fully connected layer as one product per block of rows.
final class OpenBLASLinear: PackedLinear {
    let inputChannels: Int
    let outputChannels: Int
    private let library: OpenBLASLibrary
    /// `[inputChannels, outputChannels]`, then the bias.
    private let storage: TensorStorage

    init(_ parameters: LinearParameters, library: OpenBLASLibrary) throws(TensorStorageError) {
        self.library = library
        inputChannels = parameters.inputChannels
        outputChannels = parameters.outputChannels
        let count = (inputChannels + 1) * outputChannels
        storage = try TensorStorage(byteCount: count * MemoryLayout<Float>.stride, spreads: true)
        let target = storage.base.assumingMemoryBound(to: Float.self)
        let geometry = ConvolutionGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 1)
        WeightTranspose.outputsLast(parameters.weight, geometry: geometry, into: target)
        for output in 0..<outputChannels {
            target[inputChannels * outputChannels + output] = parameters.bias?[output] ?? 0
        }
    }

    private var weights: Matrix {
        Matrix(
            base: UnsafePointer(storage.base.assumingMemoryBound(to: Float.self)),
            rows: inputChannels, columns: outputChannels, stride: outputChannels)
    }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        let rows = input.shape.rowCount
        checkLinear(input, output, epilogue)
        lane.work.linearFLOPs += 2 * rows * inputChannels * outputChannels
        lane.workspace.scope {
            let product = BlasEpilogue(
                epilogue, ownBias: weights.base + inputChannels * outputChannels, output: output,
                lane: lane)
            if lane.isMeasuring { return }
            let source = Matrix(
                base: input.floats, rows: rows, columns: inputChannels, stride: input.rowStride)
            ProductSplit(rows: rows, columns: outputChannels).forEachBlock(lane.team) {
                part, rows, columns in
                let target = product.target(part: part, rows: rows, columns: columns)
                library.multiply(
                    source.part(rows: rows, columns: 0..<inputChannels),
                    weights.part(rows: 0..<inputChannels, columns: columns), into: target,
                    accumulates: product.accumulates)
                product.finish(target, rows: rows, columns: columns)
            }
        }
    }

    private func checkLinear(_ input: Tensor, _ output: Tensor, _ epilogue: Epilogue) {
        LayerCheck.input(input, channels: inputChannels, type: .float32)
        LayerCheck.output(
            output, rows: input.shape.rowCount, channels: outputChannels, epilogue: epilogue)
        precondition(output.elementType == .float32, "OpenBLAS writes f32 only")
    }
}
