// SPDX-License-Identifier: Apache-2.0

import StableDiffusion

/// The network of `scripts/goldens/schedulers.py`, and the sampling loop over it.
struct SyntheticNetwork {
    let directions: [Float]

    init(sampleCount: Int) {
        var generator = TorchGenerator(seed: 99)
        directions = generator.normal(count: sampleCount)
    }

    func run(_ input: UnsafePointer<Float>, _ timestep: Float, _ output: inout [Float]) {
        let time = timestep / 1000
        for i in output.indices {
            output[i] = input[i] / (1 + abs(input[i])) * 0.9 + directions[i] * time
        }
    }

    /// Continues with a scheduler until `end`, or until the last step.
    func sample(
        _ scheduler: inout some NoiseScheduler, _ latents: inout [Float],
        _ noise: inout TorchGenerator, until end: Int? = nil
    ) {
        var (input, output) = (latents, latents)
        for index in scheduler.history.stepIndex..<(end ?? scheduler.timesteps.count) {
            latents.withUnsafeMutableBufferPointer { latents in
                input.withUnsafeMutableBufferPointer { input in
                    scheduler.scaleModelInput(UnsafeBufferPointer(latents), into: input, at: index)
                }
                input.withUnsafeBufferPointer {
                    if let base = $0.baseAddress { run(base, scheduler.timesteps[index], &output) }
                }
                output.withUnsafeBufferPointer {
                    scheduler.step(modelOutput: $0, at: index, sample: latents, noise: &noise)
                }
            }
        }
    }
}
