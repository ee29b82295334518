// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// Forecasts the guided output of a step from the last two calls: v(t) on the line through
/// (t₁, v₁) and (t₀, v₀).
///
/// Outputs of a deterministic sampler change slowly along its path, and after the first steps
/// nearly on a line; a parabola is no better (docs/merging.md).
struct OutputForecast {
    /// The last outputs, the newest last, `[channels, height, width]`.
    private var outputs: [[Float]]
    private var timesteps: [Float] = [0, 0]
    private var outputCount = 0

    /// - Parameter count: Values of an output.
    init(valueCount count: Int) {
        outputs = Array(repeating: Array(repeating: 0, count: count), count: 2)
    }

    /// Keeps the output of a call.
    mutating func record(_ output: UnsafeMutableBufferPointer<Float>, at timestep: Float) {
        outputs.swapAt(0, 1)
        timesteps.swapAt(0, 1)
        outputs[1].withUnsafeMutableBufferPointer { _ = $0.update(from: output) }
        timesteps[1] = timestep
        outputCount = min(2, outputCount + 1)
    }

    /// Writes the forecast for a timestep.
    func write(_ prediction: UnsafeMutableBufferPointer<Float>, at timestep: Float) {
        precondition(outputCount == 2, "a forecast from \(outputCount) calls")
        let share = (timestep - timesteps[1]) / (timesteps[1] - timesteps[0])
        outputs[0].withUnsafeBufferPointer { older in
            outputs[1].withUnsafeBufferPointer { newer in
                for index in prediction.indices {
                    prediction[index] = newer[index] + share * (newer[index] - older[index])
                }
            }
        }
    }

    /// Appends the outputs that later forecasts depend on.
    func save(to writer: inout WordWriter) {
        writer.write(outputCount)
        for index in 2 - outputCount..<2 {
            writer.write(timesteps[index].bitPattern)
            writer.write(outputs[index])
        }
    }

    /// Restores what `save` wrote after so many calls.
    mutating func restore(
        from reader: inout WordReader, callCount: Int
    ) throws(SavedStateError) {
        outputCount = try reader.read(in: 0...2)
        guard outputCount == min(2, callCount) else { throw .damaged }
        for index in 2 - outputCount..<2 {
            timesteps[index] = Float(bitPattern: try reader.read())
            outputs[index] = try reader.readFloats(outputs[index].count)
        }
        guard outputCount < 2 || timesteps[0] != timesteps[1] else { throw .damaged }
    }
}
