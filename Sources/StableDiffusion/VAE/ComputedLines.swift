// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// A feature map that is never stored whole: lines are computed on request.
protocol ComputedLines: FeatureLines {
    /// How its values are stored.
    var elementType: ElementType { get }

    /// Computes lines from a multiple of `DecoderPass.lineGrain` to another or the end, `[1,
    /// range.count, width, channels]`.
    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass)
}

extension ComputedLines {
    func lines(_ range: Range<Int>, pass: DecoderPass) -> Tensor {
        let wide = pass.surroundings(of: range, by: 0, height: shape.height)
        let result = pass.tensor(wide, of: shape, elementType)
        pass.lane.workspace.scope { make(wide, into: result, pass: pass) }
        return StoredLines(result, from: wide.lowerBound, of: shape).lines(range, pass: pass)
    }
}

/// The result of an upsampler.
struct UpsampledLines: ComputedLines {
    let map: any FeatureLines
    let upsampler: DecoderUpsampler

    var shape: TensorShape { upsampler.outputShape(for: map.shape) }
    var elementType: ElementType { .float32 }

    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass) {
        upsampler.run(range, of: map, into: output, pass: pass)
    }
}

/// The values between the two convolutions of a residual block.
struct HiddenLines: ComputedLines {
    let map: any FeatureLines
    let resnet: DecoderResnet
    let norm: GroupNormCoefficients

    var shape: TensorShape { resnet.outputShape(for: map.shape) }
    var elementType: ElementType { resnet.activationType }

    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass) {
        resnet.first.run(range, of: map, norm: norm, into: output, pass: pass)
    }
}

/// The result of a residual block.
struct ResnetLines: ComputedLines {
    let map: any FeatureLines
    let resnet: DecoderResnet
    let norms: DecoderResnet.Norms

    var shape: TensorShape { resnet.outputShape(for: map.shape) }
    var elementType: ElementType { .float32 }

    func make(_ range: Range<Int>, into output: Tensor, pass: DecoderPass) {
        // Once for the convolutions and the shortcut, otherwise every block would double the work.
        // The second convolution needs an extra line; the one before it begins at a multiple of the
        // grain and needs another.
        let wide = pass.surroundings(of: range, by: pass.lineGrain + 1, height: shape.height)
        let lines = map.lines(wide, pass: pass)
        resnet.run(
            range, of: StoredLines(lines, from: wide.lowerBound, of: map.shape), norms: norms,
            into: output, pass: pass)
    }
}
