// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// The small arrays of one image that live from its first step to its last.
///
/// The scheduler works on channel-major values, the order in which diffusers generates noise; the
/// U-Net works on pixels. Both orders are kept, and the conversions are here.
final class DenoisingBuffers {
    /// `[1, height, width, channels]` of the latents.
    let grid: TensorShape
    /// The current sample, channel-major.
    let latents: UnsafeMutableBufferPointer<Float>
    /// The sample scaled for the U-Net, channel-major.
    let scaled: UnsafeMutableBufferPointer<Float>
    /// The guided prediction, channel-major.
    let prediction: UnsafeMutableBufferPointer<Float>
    /// `scaled`, by pixels: the input of every pass, once for each half of the pass.
    let sample: Tensor
    /// The outputs of the U-Net's passes, `[halves of a pass, height, width, channels]`.
    let outputs: [Tensor]
    /// The same by half: unconditional and text, or text alone.
    let halves: [Tensor]
    private let storage: TensorStorage

    init(grid: TensorShape, passes: PassSplit) throws(TensorStorageError) {
        self.grid = grid
        let count = grid.elementCount
        // Whole cache lines for each, and room for a vector load past the end.
        let stride = (count * MemoryLayout<Float>.stride + 255) / 128 * 128
        let halvesPerPass = passes.halvesPerPass
        let storage = try TensorStorage(
            byteCount: (3 + halvesPerPass * (1 + passes.passCount)) * stride)
        self.storage = storage
        func tensor(_ index: Int, batch: Int = 1) -> Tensor {
            var shape = grid
            shape.batch = batch
            return Tensor(
                storage: storage, byteOffset: index * stride, shape: shape, elementType: .float32)
        }
        func buffer(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
            UnsafeMutableBufferPointer(start: tensor(index).floats, count: count)
        }
        latents = buffer(0)
        scaled = buffer(1)
        prediction = buffer(2)
        sample = tensor(3, batch: halvesPerPass)
        let outputs = (0..<passes.passCount).map {
            tensor(3 + halvesPerPass * (1 + $0), batch: halvesPerPass)
        }
        self.outputs = outputs
        halves = outputs.flatMap { output in
            (0..<halvesPerPass).map { output.batch($0..<$0 + 1) }
        }
    }

    /// Reorders `scaled` into `sample`.
    func fillSample() {
        let pixels = grid.tokenCount
        for half in 0..<sample.shape.batch {
            let target = sample.floats + half * grid.elementCount
            for channel in 0..<grid.channels {
                for pixel in 0..<pixels {
                    target[pixel * grid.channels + channel] = scaled[channel * pixels + pixel]
                }
            }
        }
    }

    /// Reorders the outputs into `prediction`, guided if there are two.
    func combine(_ guidance: ClassifierFreeGuidance) {
        if halves.count == 2 {
            guidance.combine(uncond: halves[0], text: halves[1], into: prediction)
        } else {
            fillPrediction()
        }
    }

    private func fillPrediction() {
        let pixels = grid.tokenCount
        let output = halves[0].floats
        for channel in 0..<grid.channels {
            for pixel in 0..<pixels {
                prediction[channel * pixels + pixel] = output[pixel * grid.channels + channel]
            }
        }
    }

    /// Whether every latent is finite.
    var isFinite: Bool {
        // Infinity or NaN times zero is NaN, and NaN survives every sum.
        var sum: Float = 0
        for value in latents { sum += value * 0 }
        return sum == 0
    }
}
