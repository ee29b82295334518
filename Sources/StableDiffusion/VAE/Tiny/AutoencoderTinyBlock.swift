// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `AutoencoderTinyBlock` of equal widths: three convolutions beside an identity, and
/// ReLU after each sum.
final class AutoencoderTinyBlock: Sendable {
    private let convolutions: [any PackedConvolution]

    init(channels: Int, loader: WeightLoader) throws {
        // ReLU layers have the odd places.
        convolutions = try [0, 2, 4].map { index in
            try loader.scoped("conv").convolution("\(index)", .padded(channels, channels))
        }
    }

    /// The block's result for a map of which some lines are asked for.
    func callAsFunction(_ input: any PaddedLines) -> any PaddedLines {
        TinyBlockLines(input: input, convolutions: convolutions)
    }
}

/// The result of a block; the input's lines are made once for its convolutions and the identity.
private struct TinyBlockLines: PaddedLines {
    let input: any PaddedLines
    let convolutions: [any PackedConvolution]

    var shape: TensorShape { input.shape }
    var elementType: ElementType { input.elementType }

    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass) {
        // A line more for each convolution but the first, and pairs stay pairs.
        let wide = (0..<convolutions.count - 1).reduce(range) { range, _ in
            pass.surroundings(of: range, by: 1, height: shape.height)
        }
        let padded = wide.lowerBound - 1..<wide.upperBound + 1
        let known = KnownLines(
            tensor: input.lines(padded, pass: pass), first: padded.lowerBound, shape: shape)
        let hidden = convolutions.dropLast().reduce(known as any PaddedLines) {
            ConvolvedLines(
                input: $0, convolution: $1, elementType: elementType, activation: .relu)
        }
        let last = ConvolvedLines(
            input: hidden, convolution: convolutions[convolutions.count - 1],
            elementType: elementType, activation: .relu)
        last.make(
            range, into: output, residual: known.lines(range, pass: pass), pass: pass)
    }
}
