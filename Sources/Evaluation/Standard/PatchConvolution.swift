// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit

/// A convolution of any kernel as one product over patches, followed by ReLU: for the networks that
/// metrics use, whose kernels (1×7, 5×5, 11×11) the pipeline's convolutions do not have.
///
/// Weights are `name.weight` `[outputs, height · width · inputs]`, channels innermost, and
/// `name.bias`; a batch norm behind it has been folded into both by the script that converted them.
struct PatchConvolution: Sendable {
    struct Geometry: Sendable {
        var height: Int
        var width: Int
        var stride = 1
        var verticalPadding = 0
        var padding = 0

        /// A square kernel.
        static func square(_ side: Int, stride: Int = 1, padding: Int = 0) -> Geometry {
            Geometry(
                height: side, width: side, stride: stride, verticalPadding: padding,
                padding: padding)
        }

        /// Height and width of the output.
        func outputSize(height: Int, width: Int) -> (height: Int, width: Int) {
            (
                (height + 2 * verticalPadding - self.height) / stride + 1,
                (width + 2 * padding - self.width) / stride + 1
            )
        }
    }

    let outputChannels: Int
    private let inputChannels: Int
    private let geometry: Geometry
    private let product: any PackedLinear

    init(
        _ name: String, inputChannels: Int, outputChannels: Int, _ geometry: Geometry,
        loader: WeightLoader
    ) throws {
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.geometry = geometry
        product = try loader.linear(
            name, inputChannels: geometry.height * geometry.width * inputChannels,
            outputChannels: outputChannels)
    }

    func outputShape(for input: TensorShape) -> TensorShape {
        let size = geometry.outputSize(height: input.height, width: input.width)
        return TensorShape(height: size.height, width: size.width, channels: outputChannels)
    }

    /// - Parameters:
    ///   - input: `[1, height, width, inputs]`, f32.
    ///   - output: `outputShape`, f32; may be some channels of a wider tensor.
    func forward(_ input: Tensor, into output: Tensor, lane: ComputeLane) {
        precondition(input.shape.channels == inputChannels, "\(input.shape) of \(inputChannels)")
        let epilogue = Epilogue(activation: .relu)
        if geometry.height == 1, geometry.width == 1, geometry.stride == 1 {
            return lane.linear(product, input, into: output, epilogue: epilogue)
        }
        lane.workspace.scope {
            let size = geometry.height * geometry.width * inputChannels
            let patches = lane.workspace.tensor(output.shape.with(channels: size), .float32)
            if !lane.isMeasuring { fill(patches, from: input) }
            lane.linear(product, patches, into: output, epilogue: epilogue)
        }
    }

    /// Copies the pixels that each output pixel sees, zeros outside the map.
    private func fill(_ patches: Tensor, from input: Tensor) {
        let (height, width) = (input.shape.height, input.shape.width)
        var target = patches.floats
        for outputRow in 0..<patches.shape.height {
            for outputColumn in 0..<patches.shape.width {
                for row in 0..<geometry.height {
                    let y = outputRow * geometry.stride + row - geometry.verticalPadding
                    let start = outputColumn * geometry.stride - geometry.padding
                    let inside = max(0, start)..<min(width, start + geometry.width)
                    guard (0..<height).contains(y), !inside.isEmpty else {
                        target.update(repeating: 0, count: geometry.width * inputChannels)
                        target += geometry.width * inputChannels
                        continue
                    }
                    let left = (inside.lowerBound - start) * inputChannels
                    target.update(repeating: 0, count: left)
                    target += left
                    for x in inside {
                        let source = input.floats + (y * width + x) * input.rowStride
                        target.update(from: source, count: inputChannels)
                        target += inputChannels
                    }
                    let right = (start + geometry.width - inside.upperBound) * inputChannels
                    target.update(repeating: 0, count: right)
                    target += right
                }
            }
        }
    }
}

/// Pooling of f32 maps.
enum Pooling {
    case largest
    /// Of the pixels inside the map only, as TensorFlow has it (`count_include_pad=False`).
    case mean

    /// - Parameters:
    ///   - output: may be some channels of a wider tensor.
    func apply(
        _ input: Tensor, size: Int = 3, stride: Int, padding: Int = 0, into output: Tensor,
        lane: ComputeLane
    ) {
        guard !lane.isMeasuring else { return }
        let (height, width, channels) = (
            input.shape.height, input.shape.width, input.shape.channels
        )
        for row in 0..<output.shape.height {
            let top = row * stride - padding
            for column in 0..<output.shape.width {
                let left = column * stride - padding
                let target =
                    output.floats + (row * output.shape.width + column) * output.rowStride
                var count = 0
                for y in max(0, top)..<min(height, top + size) {
                    for x in max(0, left)..<min(width, left + size) {
                        let source = input.floats + (y * width + x) * input.rowStride
                        if count == 0 {
                            target.update(from: source, count: channels)
                        } else if self == .largest {
                            for c in 0..<channels { target[c] = max(target[c], source[c]) }
                        } else {
                            for c in 0..<channels { target[c] += source[c] }
                        }
                        count += 1
                    }
                }
                if self == .mean {
                    let share = 1 / Float(count)
                    for c in 0..<channels { target[c] *= share }
                }
            }
        }
    }

    static func outputShape(
        for input: TensorShape, size: Int = 3, stride: Int, padding: Int = 0
    ) -> TensorShape {
        func length(_ length: Int) -> Int { (length + 2 * padding - size) / stride + 1 }
        return input.with(height: length(input.height), width: length(input.width))
    }
}
