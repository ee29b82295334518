// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// A feature map of which some lines at a time are asked for, with a line of zeros above and below
/// it: what a convolution of 3×3 pixels wants to see.
protocol PaddedLines {
    /// `[1, height, width, channels]` of the whole map.
    var shape: TensorShape { get }
    /// How its values are stored.
    var elementType: ElementType { get }

    /// Lines from −1 to `height` inclusive, in memory that is valid until the caller's scope of the
    /// workspace ends.
    func lines(_ range: Range<Int>, pass: DecoderPass) -> Tensor

    /// Makes lines inside the map, from a multiple of `DecoderPass.lineGrain` to another or the end.
    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass)
}

extension PaddedLines {
    func lines(_ range: Range<Int>, pass: DecoderPass) -> Tensor {
        let made = pass.surroundings(of: range, by: 0, height: shape.height)
        let first = min(range.lowerBound, made.lowerBound)
        let all = first..<max(range.upperBound, made.upperBound)
        let result = pass.tensor(all, of: shape, elementType)
        pass.zero(result, 0..<made.lowerBound - first)
        pass.zero(result, made.upperBound - first..<all.count)
        pass.lane.workspace.scope {
            make(
                made, into: result.lines(made.lowerBound - first..<made.upperBound - first),
                pass: pass)
        }
        return result.lines(range.lowerBound - first..<range.upperBound - first)
    }
}

/// Lines of a map that are in memory, those of zeros among them.
struct KnownLines: PaddedLines {
    let tensor: Tensor
    /// Which line of the map comes first; −1 is the line of zeros.
    let first: Int
    let shape: TensorShape

    var elementType: ElementType { tensor.elementType }

    func lines(_ range: Range<Int>, pass: DecoderPass) -> Tensor {
        tensor.lines(range.lowerBound - first..<range.upperBound - first)
    }

    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass) {
        pass.lane.copy(lines(range, pass: pass), into: output)
    }
}

/// A whole map in memory, with its lines of zeros.
struct PaddedMap {
    /// All of it.
    let lines: KnownLines
    /// The map itself.
    let map: Tensor

    /// Takes memory in the caller's scope; the map's values are what was there.
    ///
    /// - Parameter shape: `[1, height, width, channels]`.
    init(_ shape: TensorShape, _ type: ElementType, pass: DecoderPass) {
        let tensor = pass.tensor(-1..<shape.height + 1, of: shape, type)
        pass.zero(tensor, 0..<1)
        pass.zero(tensor, shape.height + 1..<shape.height + 2)
        lines = KnownLines(tensor: tensor, first: -1, shape: shape)
        map = tensor.lines(1..<shape.height + 1)
    }
}

/// The result of a convolution of 3×3 pixels.
struct ConvolvedLines: PaddedLines {
    let input: any PaddedLines
    let convolution: any PackedConvolution
    let elementType: ElementType
    var activation: Activation?

    var shape: TensorShape { input.shape.with(channels: convolution.geometry.outputChannels) }

    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass) {
        make(range, into: output, residual: nil, pass: pass)
    }

    /// Makes lines of the activated sum with a residual.
    func make(_ range: Range<Int>, into output: Tensor, residual: Tensor?, pass: DecoderPass) {
        let lane = pass.lane
        lane.workspace.scope {
            lane.convolution(
                convolution,
                input.lines(range.lowerBound - 1..<range.upperBound + 1, pass: pass),
                into: output,
                epilogue: Epilogue(
                    activation: activation, residual: residual, activatesSum: true))
        }
    }
}

/// A map with every pixel four times.
struct DoubledLines: PaddedLines {
    let input: any PaddedLines

    var shape: TensorShape {
        input.shape.with(height: 2 * input.shape.height, width: 2 * input.shape.width)
    }
    var elementType: ElementType { input.elementType }

    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass) {
        pass.lane.workspace.scope {
            pass.lane.resizeNearest(
                input.lines(range.lowerBound / 2..<range.upperBound / 2, pass: pass), into: output)
        }
    }
}

extension ConvolutionGeometry {
    /// A convolution of 3×3 pixels over lines that bring those around them.
    static func padded(_ inputChannels: Int, _ outputChannels: Int) -> ConvolutionGeometry {
        ConvolutionGeometry(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 3,
            verticalPadding: 0)
    }
}
