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
        // Through a tile in the first-level cache: rows are often a power of two apart, so that
        // reads and writes across them would evict each other from the cache.
        let outputBlock = 16
        let inputBlock = max(1, 256 / taps)
        withUnsafeTemporaryAllocation(
            of: Float.self, capacity: outputBlock * inputBlock * taps
        ) { tile in
            guard let tile = tile.baseAddress, let source = source.baseAddress else { return }
            for firstOutput in stride(from: 0, to: outputs, by: outputBlock) {
                let outputCount = min(outputBlock, outputs - firstOutput)
                for firstInput in stride(from: 0, to: inputs, by: inputBlock) {
                    let inputCount = min(inputBlock, inputs - firstInput)
                    for output in 0..<outputCount {
                        let row = source + ((firstOutput + output) * inputs + firstInput) * taps
                        for place in 0..<inputCount * taps {
                            tile[place * outputBlock + output] = row[place]
                        }
                    }
                    for place in 0..<inputCount * taps {
                        let (input, tap) = (firstInput + place / taps, place % taps)
                        (target + (tap * inputs + input) * outputs + firstOutput)
                            .update(from: tile + place * outputBlock, count: outputCount)
                    }
                }
            }
        }
    }
}
