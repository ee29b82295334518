// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// A group norm, an activation and a 3×3 convolution, on some lines of a feature map at a time.
///
/// The norm's statistics are those of the whole map, so that the lines are the same as if the map
/// were processed whole.
final class NormedConvolution: Sendable {
    private let norm: GroupNorm
    private let activation: Activation
    private let convolution: any PackedConvolution
    private let activationType: ElementType

    /// - Parameters:
    ///   - norm: the norm's name in the checkpoint.
    ///   - convolution: the convolution's.
    init(
        norm: String, convolution: String, _ options: DecoderOptions, inputChannels: Int,
        outputChannels: Int, loader: WeightLoader
    ) throws {
        activation = options.activation
        activationType = loader.activationType
        self.norm = try GroupNorm(
            norm, channels: inputChannels, groupCount: options.groupCount,
            epsilon: VAEDecoder.epsilon, loader: loader)
        self.convolution = try loader.convolution(
            convolution,
            ConvolutionGeometry(
                inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 3,
                verticalPadding: 0),
            usualPixelCount: options.usualPixelCount, use: .oncePerPicture)
    }

    /// Channels of the result.
    var outputChannels: Int { convolution.geometry.outputChannels }

    /// Empty sums, in the caller's scope.
    func sums(_ lane: ComputeLane) -> GroupNormSums { norm.sums(lane) }

    /// The norm's scale and shift for a map, in the caller's scope; reads the map once.
    func coefficients(of map: any FeatureLines, pass: DecoderPass) -> GroupNormCoefficients {
        let sums = sums(pass.lane)
        pass.forEachBand(of: map.shape) { range in
            pass.lane.addBand(map.lines(range, pass: pass), to: sums)
        }
        return coefficients(sums, of: map.shape, lane: pass.lane)
    }

    /// The norm's scale and shift for a map whose sums are known, in the caller's scope.
    func coefficients(
        _ sums: GroupNormSums, of shape: TensorShape, lane: ComputeLane
    ) -> GroupNormCoefficients {
        norm.coefficients(sums, of: shape, lane: lane)
    }

    /// - Parameters:
    ///   - range: the lines to compute.
    ///   - map: the input.
    ///   - norm: the norm's scale and shift for it.
    ///   - output: the lines, `[1, range.count, width, outputChannels]`.
    ///   - residual: added to them; it may be the output itself.
    func run(
        _ range: Range<Int>, of map: any FeatureLines, norm: GroupNormCoefficients,
        into output: Tensor, residual: Tensor? = nil, pass: DecoderPass
    ) {
        let lane = pass.lane
        lane.workspace.scope {
            let input = pass.convolutionInput(for: range, of: map.shape, activationType) {
                lane.groupNorm(
                    norm, activation: activation, map.lines($0, pass: pass), into: $1)
            }
            lane.convolution(
                convolution, input, into: output, epilogue: Epilogue(residual: residual))
        }
    }
}

/// The numbers shared by the layers of a decoder.
struct DecoderOptions {
    var groupCount: Int
    var activation: Activation
    /// Pixels of a feature map at the model's native size, if it matters.
    var usualPixelCount: Int?
}
