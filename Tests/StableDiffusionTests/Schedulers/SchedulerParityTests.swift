// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import StableDiffusion
import TestSupport
import Testing

@Suite struct SchedulerParityTests {
    struct Golden: Decodable {
        struct Case: Decodable {
            var name: String
            var config: String
            var method: SamplingMethod
            var steps: Int
            var eta: Float
            var seed: UInt64
            var callCount: Int
            var timesteps: [Float]
            var initialNoiseSigma: Float
            var latents: [Float]
        }
        var cases: [Case]
    }

    /// Both sides round every operation to single precision; only the last bits of square roots,
    /// logarithms and exponentials differ, because torch's are not correctly rounded.
    static let tolerance = 1e-5

    @Test(arguments: SamplingMethod.allCases)
    func trajectoriesEqualDiffusers(of method: SamplingMethod) throws {
        let golden = try Goldens.decode(Golden.self, from: "schedulers.json")
        let cases = golden.cases.filter { $0.method == method }
        #expect(cases.count >= 20)
        for item in cases {
            let configuration = try SchedulerConfiguration(json: Data(item.config.utf8))
            var scheduler = try configuration.makeScheduler(
                method, inferenceStepCount: item.steps, eta: item.eta,
                sampleCount: item.latents.count)
            #expect(scheduler.timesteps.count == item.callCount, "\(item.name)")
            for (own, reference) in zip(scheduler.timesteps, item.timesteps) {
                #expect(abs(own - reference) <= 1e-3, "\(item.name)")
            }
            let sigma = scheduler.initialNoiseSigma
            #expect(abs(sigma - item.initialNoiseSigma) <= 1e-6 * sigma, "\(item.name)")

            var noise = ImageNoise(seed: item.seed)
            var latents = noise.initialLatents(channels: 4, height: 2, width: 4, scale: sigma)
            let network = SyntheticNetwork(sampleCount: latents.count)
            try advance(&scheduler, network, &latents, &noise.sampling)
            let error = relativeL2(latents, item.latents)
            #expect(error <= Self.tolerance, "\(item.name)")
        }
    }

    private func advance(
        _ scheduler: inout any NoiseScheduler, _ network: SyntheticNetwork,
        _ latents: inout [Float], _ noise: inout TorchGenerator
    ) throws {
        func open(_ value: some NoiseScheduler) -> any NoiseScheduler {
            var value = value
            network.sample(&value, &latents, &noise)
            return value
        }
        scheduler = open(scheduler)
    }
}
