// SPDX-License-Identifier: Apache-2.0

/// Reorders the weights of a layer from the checkpoint's order to channels last.
enum WeightTranspose {
    /// Copies `[outputs, inputs, taps]` to `[taps, inputs, outputs]`.
    ///
    /// - Parameter source: `[outputChannels, inputChannels, kernelSize, kernelSize]`.
    static func outputsLast(
        _ source: UnsafeBufferPointer<Float>, geometry: ConvolutionGeometry,
        into target: UnsafeMutablePointer<Float>
    ) {
        let (inputs, outputs) = (geometry.inputChannels, geometry.outputChannels)
        let taps = geometry.kernelSize * geometry.kernelSize
        // Blocks whose two sides stay in the first-level cache: one side is always read or written
        // far apart.
        let (outputBlock, inputBlock) = (16, 32)
        for firstOutput in stride(from: 0, to: outputs, by: outputBlock) {
            let outputRange = firstOutput..<min(firstOutput + outputBlock, outputs)
            for firstInput in stride(from: 0, to: inputs, by: inputBlock) {
                for tap in 0..<taps {
                    for input in firstInput..<min(firstInput + inputBlock, inputs) {
                        let line = target + (tap * inputs + input) * outputs
                        for output in outputRange {
                            line[output] = source[(output * inputs + input) * taps + tap]
                        }
                    }
                }
            }
        }
    }
}
