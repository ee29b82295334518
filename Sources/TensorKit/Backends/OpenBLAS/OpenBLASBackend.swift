// SPDX-License-Identifier: Apache-2.0

/// Products in f32 by OpenBLAS: runs on any processor and checks the fast backend.
///
/// OpenBLAS itself always runs one thread; the lane's team splits every product into blocks.
package struct OpenBLASBackend: ComputeBackend {
    package let kind = BackendKind.openblas
    package let precision = Precision.float32
    package let activationType = ElementType.float32
    package let kernelClass: String
    package let instructionSet: InstructionSet
    private let library: OpenBLASLibrary
    private let winograd: WinogradChoice

    /// - Parameters:
    ///   - usesWinograd: false for direct convolutions only, for comparison.
    ///   - memoryByteCount: the memory that this process may ever use; `nil` for no limit. Where it
    ///     is short, convolutions whose weights would take much of it are slower.
    package init(
        library: OpenBLASLibrary, cpu: CPUInfo, usesWinograd: Bool = true,
        memoryByteCount: Int?
    ) {
        self.library = library
        instructionSet = cpu.instructionSet
        winograd = WinogradChoice(
            type: .float32, cpu: cpu, isAllowed: usesWinograd, memoryByteCount: memoryByteCount)
        kernelClass =
            "openblas-\(library.version)/f32/\(library.coreName.lowercased())/\(cpu.signature)"
            + winograd.classSuffix
    }

    package func pack(_ parameters: LinearParameters) throws -> any PackedLinear {
        try OpenBLASLinear(parameters, library: library)
    }

    package func pack(_ parameters: ConvolutionParameters) throws -> any PackedConvolution {
        if let tile = winograd.tile(parameters) {
            return try WinogradConvolution(
                parameters, products: .inputType(tile, instructionSet), inputType: activationType)
        }
        return try OpenBLASConvolution(parameters, library: library)
    }

    package func multiply(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        library.multiplyTransposed(
            Matrix(base: left, rows: leftCount, columns: depth, stride: depth),
            Matrix(base: right, rows: rightCount, columns: depth, stride: depth),
            into: MutableMatrix(
                base: output, rows: leftCount, columns: rightCount, stride: outputStride))
    }
}

/// How the team shares the output matrix of a product.
struct ProductSplit {
    let rows: Int
    let columns: Int

    /// Rows per product call: as many as the library packs at once, so that it packs the weights as
    /// rarely as possible while the output block is still in cache for the epilogue.
    static let blockRows = 448

    /// Whether threads get blocks of columns.
    ///
    /// Every thread packs the whole matrix on the side that is not split, so the longer side is
    /// split.
    var isByColumns: Bool { columns > rows }

    /// Calls `body` for blocks that together cover the output once.
    func forEachBlock(
        _ team: ThreadTeam, _ body: (_ part: Int, _ rows: Range<Int>, _ columns: Range<Int>) -> Void
    ) {
        // Whole vectors per thread either way.
        team.splitParts(isByColumns ? columns : rows, grain: 16) { part, range in
            let rowRange = isByColumns ? 0..<rows : range
            let columnRange = isByColumns ? range : 0..<columns
            var row = rowRange.lowerBound
            while row < rowRange.upperBound {
                let end = min(row + Self.blockRows, rowRange.upperBound)
                body(part, row..<end, columnRange)
                row = end
            }
        }
    }
}
