// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `ResnetBlock2D` without a timestep: two normalised convolutions beside a shortcut.
final class DecoderResnet: Sendable {
    /// The scale and shift of both norms for one picture's maps.
    struct Norms {
        var first: GroupNormCoefficients
        var second: GroupNormCoefficients
    }

    let first: NormedConvolution
    private let second: NormedConvolution
    private let shortcut: (any PackedLinear)?
    /// How the values between the convolutions are stored.
    let activationType: ElementType

    init(
        inputChannels: Int, outputChannels: Int, options: DecoderOptions, loader: WeightLoader
    ) throws {
        activationType = loader.activationType
        first = try NormedConvolution(
            norm: "norm1", convolution: "conv1", options, inputChannels: inputChannels,
            outputChannels: outputChannels, loader: loader)
        second = try NormedConvolution(
            norm: "norm2", convolution: "conv2", options, inputChannels: outputChannels,
            outputChannels: outputChannels, loader: loader)
        shortcut =
            inputChannels == outputChannels
            ? nil
            : try loader.linear(
                "conv_shortcut", inputChannels: inputChannels, outputChannels: outputChannels)
    }

    /// The result's shape.
    func outputShape(for input: TensorShape) -> TensorShape {
        input.with(channels: second.outputChannels)
    }

    /// Replaces a map by its result, in the same memory.
    ///
    /// - Parameters:
    ///   - map: `[1, height, width, inputChannels]`, f32, at the start of memory with room for the
    ///     result, too.
    ///   - hidden: `[1, height, width, outputChannels]`, the activation type; overwritten.
    /// - Returns: the result, `[1, height, width, outputChannels]`, f32.
    func forward(_ map: Tensor, hidden: Tensor, pass: DecoderPass) -> Tensor {
        let lane = pass.lane
        let result = Tensor(
            storage: map.storage, byteOffset: map.byteOffset, shape: outputShape(for: map.shape),
            elementType: .float32)
        lane.workspace.scope {
            let lines = StoredLines(map)
            let firstNorm = first.coefficients(of: lines, pass: pass)
            let sums = second.sums(lane)
            pass.forEachBand(of: hidden.shape) { range in
                let band = hidden.lines(range)
                first.run(range, of: lines, norm: firstNorm, into: band, pass: pass)
                lane.addBand(band, to: sums)
            }
            if let shortcut { project(map, by: shortcut, into: result, pass: pass) }
            let secondNorm = second.coefficients(sums, of: hidden.shape, lane: lane)
            pass.forEachBand(of: result.shape) { range in
                let band = result.lines(range)
                second.run(
                    range, of: StoredLines(hidden), norm: secondNorm, into: band, residual: band,
                    pass: pass)
            }
        }
        return result
    }

    /// `result = map · Wᵀ + b` if both start at the same address.
    ///
    /// Bands go through scratch memory, in the order in which a written band only covers lines
    /// already read: from the top if lines become shorter, otherwise from the bottom.
    private func project(
        _ map: Tensor, by shortcut: any PackedLinear, into result: Tensor, pass: DecoderPass
    ) {
        let lane = pass.lane
        let bands = pass.plan.bands(of: result.shape)
        let isShorter = result.shape.channels < map.shape.channels
        for range in isShorter ? bands : bands.reversed() {
            lane.workspace.scope {
                let band = pass.tensor(range, of: result.shape)
                lane.inParts(ofTokens: map.shape.tokenCount) {
                    lane.linear(
                        shortcut, lane.converted(map.lines(range), to: activationType), into: band)
                    lane.copy(band, into: result.lines(range))
                }
            }
        }
    }

    /// The scale and shift of the norms for a map, in the caller's scope; reads the map's values
    /// twice.
    func norms(of map: any FeatureLines, pass: DecoderPass) -> Norms {
        let firstNorm = first.coefficients(of: map, pass: pass)
        let hidden = HiddenLines(map: map, resnet: self, norm: firstNorm)
        return Norms(first: firstNorm, second: second.coefficients(of: hidden, pass: pass))
    }

    /// Computes some lines of the result.
    ///
    /// - Parameters:
    ///   - range: from a multiple of `DecoderPass.lineGrain` on.
    ///   - map: at least these lines and one more than the grain above and below.
    ///   - output: `[1, range.count, width, outputChannels]`, f32.
    func run(
        _ range: Range<Int>, of map: any FeatureLines, norms: Norms, into output: Tensor,
        pass: DecoderPass
    ) {
        let lane = pass.lane
        lane.workspace.scope {
            let middle = pass.surroundings(of: range, by: 1, height: map.shape.height)
            let lines = HiddenLines(map: map, resnet: self, norm: norms.first)
            let hidden = StoredLines(
                lines.lines(middle, pass: pass), from: middle.lowerBound, of: lines.shape)
            var residual = map.lines(range, pass: pass)
            if let shortcut {
                lane.linear(shortcut, lane.converted(residual, to: activationType), into: output)
                residual = output
            }
            second.run(
                range, of: hidden, norm: norms.second, into: output, residual: residual,
                pass: pass)
        }
    }
}
