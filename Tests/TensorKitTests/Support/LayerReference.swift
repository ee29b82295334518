// SPDX-License-Identifier: Apache-2.0

import Glibc
import TensorKit

/// Layers by their definitions, in double precision.
enum LayerReference {
    static func activation(_ activation: Activation?, _ x: Double) -> Double {
        switch activation {
        case nil: x
        case .silu: x / (1 + exp(-x))
        case .gelu: x * 0.5 * erfc(-x * 0.5.squareRoot())
        case .quickGELU: x / (1 + exp(-1.702 * x))
        case .relu: max(x, 0)
        }
    }

    /// `[rows, K]` times `[N, K]` transposed, plus bias.
    static func linear(
        _ input: [Float], weight: [Float], bias: [Float], inputs: Int, outputs: Int
    ) -> [Double] {
        (0..<input.count / inputs).flatMap { row in
            (0..<outputs).map { output in
                (0..<inputs).reduce(Double(bias[output])) {
                    $0 + Double(input[row * inputs + $1]) * Double(weight[output * inputs + $1])
                }
            }
        }
    }

    /// A zero-padded cross-correlation, NHWC in and out, weights `[O, I, k, k]`, plus bias.
    static func convolution(
        _ input: [Float], shape: TensorShape, weight: [Float], bias: [Float],
        geometry: ConvolutionGeometry
    ) -> [Double] {
        let grid = geometry.outputShape(for: shape)
        var output = [Double](repeating: 0, count: grid.elementCount)
        let size = geometry.kernelSize
        for row in 0..<grid.rowCount {
            let image = row / grid.tokenCount
            let (y, x) = (row % grid.tokenCount / grid.width, row % grid.width)
            for channel in 0..<geometry.outputChannels {
                var sum = Double(bias[channel])
                for tap in 0..<size * size {
                    let sourceY = y * geometry.stride + tap / size - geometry.verticalPadding
                    let sourceX = x * geometry.stride + tap % size - geometry.padding
                    guard sourceY >= 0, sourceY < shape.height, sourceX >= 0, sourceX < shape.width
                    else { continue }
                    let pixel = (image * shape.height + sourceY) * shape.width + sourceX
                    for inputChannel in 0..<geometry.inputChannels {
                        let weightIndex =
                            (channel * geometry.inputChannels + inputChannel) * size * size + tap
                        sum +=
                            Double(input[pixel * geometry.inputChannels + inputChannel])
                            * Double(weight[weightIndex])
                    }
                }
                output[row * geometry.outputChannels + channel] = sum
            }
        }
        return output
    }
}

/// ‖actual − expected‖ / ‖expected‖; infinite if a value is not a number.
func relativeError(_ actual: [Float], _ expected: [Double]) -> Double {
    precondition(actual.count == expected.count)
    var difference = 0.0
    var norm = 0.0
    for (a, e) in zip(actual, expected) {
        if a.isNaN { return .infinity }
        difference += (Double(a) - e) * (Double(a) - e)
        norm += e * e
    }
    return (difference / max(norm, 1e-30)).squareRoot()
}
