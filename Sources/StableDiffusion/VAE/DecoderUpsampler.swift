// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `Upsample2D`: every pixel four times, then a convolution; some lines at a time.
final class DecoderUpsampler: Sendable {
    private let convolution: any PackedConvolution
    private let activationType: ElementType

    init(channels: Int, options: DecoderOptions, loader: WeightLoader) throws {
        activationType = loader.activationType
        convolution = try loader.convolution(
            "conv",
            ConvolutionGeometry(
                inputChannels: channels, outputChannels: channels, kernelSize: 3,
                verticalPadding: 0),
            usualPixelCount: options.usualPixelCount, use: .oncePerPicture)
    }

    /// The result's shape.
    func outputShape(for input: TensorShape) -> TensorShape {
        input.with(height: 2 * input.height, width: 2 * input.width)
    }

    /// Computes the whole result.
    ///
    /// - Parameters:
    ///   - map: `[1, height, width, channels]`, f32.
    ///   - output: of `outputShape(for:)`, f32; elsewhere in memory.
    func forward(_ map: Tensor, into output: Tensor, pass: DecoderPass) {
        pass.forEachBand(of: output.shape) { range in
            run(range, of: StoredLines(map), into: output.lines(range), pass: pass)
        }
    }

    /// Computes some lines of the result.
    ///
    /// - Parameters:
    ///   - range: from an even line to an even line.
    ///   - output: `[1, range.count, 2 · width, channels]`, f32.
    func run(
        _ range: Range<Int>, of map: any FeatureLines, into output: Tensor, pass: DecoderPass
    ) {
        precondition(
            range.lowerBound % 2 == 0 && range.upperBound % 2 == 0, "half a pixel of \(range)")
        let lane = pass.lane
        let whole = outputShape(for: map.shape)
        lane.workspace.scope {
            // Both lines of a pixel, so one more above and below than the convolution needs.
            let wide = range.lowerBound - 1..<range.upperBound + 1
            let input = pass.convolutionInput(for: wide, of: whole, activationType) {
                let source = map.lines($0.lowerBound / 2..<$0.upperBound / 2, pass: pass)
                lane.resizeNearest(source, into: $1)
            }
            lane.convolution(
                convolution, input.lines(1..<range.count + 3), into: output)
        }
    }
}
