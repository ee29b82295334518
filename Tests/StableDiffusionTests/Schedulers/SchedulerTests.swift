// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import StableDiffusion
import Testing

@Suite struct SchedulerTests {
    /// Stable Diffusion 1.5's file.
    static let published = """
        {"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear",
         "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false,
         "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null, "clip_sample": false}
        """

    private func configuration(_ change: (inout SchedulerConfiguration) -> Void = { _ in }) throws
        -> SchedulerConfiguration
    {
        var configuration = try SchedulerConfiguration(json: Data(Self.published.utf8))
        change(&configuration)
        return configuration
    }

    /// Runs to the end; with `checkpoint`, through a saved and restored state at that step.
    private func run(
        _ configuration: SchedulerConfiguration, _ method: SamplingMethod, steps: Int = 10,
        eta: Float? = nil, checkpoint: Int? = nil
    ) throws -> [Float] {
        let made = try configuration.makeScheduler(
            method, inferenceStepCount: steps, eta: eta, sampleCount: 64)
        func open<Scheduler: NoiseScheduler>(_ fresh: Scheduler) throws -> [Float] {
            var scheduler = fresh
            var noise = ImageNoise(seed: 3)
            var latents = noise.initialLatents(
                channels: 4, height: 4, width: 4, scale: scheduler.initialNoiseSigma)
            let network = SyntheticNetwork(sampleCount: 64)
            network.sample(&scheduler, &latents, &noise.sampling, until: checkpoint)
            if checkpoint != nil {
                var writer = WordWriter()
                scheduler.history.save(to: &writer)
                noise.sampling.save(to: &writer)
                var reader = try WordReader(writer.finish())
                scheduler = fresh
                try scheduler.history.restore(
                    from: &reader, stepCount: scheduler.timesteps.count)
                noise.sampling = try TorchGenerator(from: &reader)
                try reader.finish()
                network.sample(&scheduler, &latents, &noise.sampling)
            }
            return latents
        }
        return try open(made)
    }

    /// As many steps as training timesteps: a sampler reports its limits before it begins.
    ///
    /// Where noise levels repeat, diffusers' solvers divide by zero and end in NaN.
    @Test(arguments: SamplingMethod.allCases, ["linspace", "leading", "trailing"])
    func aThousandStepsAreSampledOrRefused(method: SamplingMethod, spacing: String) throws {
        let spaced = Self.published.dropLast() + ", \"timestep_spacing\": \"\(spacing)\"}"
        let configuration = try SchedulerConfiguration(json: Data(spaced.utf8))
        // Timestep 1000 of `leading`, with its offset of 1, is not one of the model's, whose last
        // level then counts twice.
        let most =
            switch (method, spacing) {
            case (.lcm, _), (.tcd, _): 50
            case (.dpmPlusPlus2M, "linspace"), (.uniPC, "linspace"): 999
            case (.dpmPlusPlus2M, "leading"), (.uniPC, "leading"): 998
            case (.ddim, "leading"), (.pndm, "leading"), (.lms, "leading"): 999
            default: 1000
            }
        if most < 1000 {
            let error = #expect(throws: SchedulerError.self) {
                try run(configuration, method, steps: 1000)
            }
            #expect("\(try #require(error))".contains("choose from 1 to \(most) with --steps"))
        }
        let latents = try run(configuration, method, steps: most)
        #expect(!latents.contains { !$0.isFinite })
    }

    @Test(arguments: SamplingMethod.allCases)
    func aCheckpointChangesNothing(method: SamplingMethod) throws {
        let configuration = try configuration()
        let whole = try run(configuration, method, eta: 0.5)
        #expect(whole.allSatisfy { $0.isFinite })
        for step in [0, 1, 2, 3, 4, 7, 9] {
            #expect(try run(configuration, method, eta: 0.5, checkpoint: step) == whole, "\(step)")
        }
    }

    /// η is 0.3 for TCD and 0 for DDIM by default; the others do not read it.
    @Test(arguments: SamplingMethod.allCases)
    func etaHasTheSamplersOwnDefault(method: SamplingMethod) throws {
        let standard = try run(configuration(), method, eta: nil)
        #expect(try run(configuration(), method, eta: method.standardEta) == standard)
        let readsEta = method == .ddim || method == .tcd
        #expect(try (run(configuration(), method, eta: 0.8) != standard) == readsEta)
        #expect(method.standardEta == (method == .tcd ? 0.3 : 0))
    }

    @Test func aForeignHistoryIsRefused() throws {
        var euler = try configuration().makeScheduler(
            .euler, inferenceStepCount: 5, sampleCount: 16)
        let lms = try configuration().makeScheduler(.lms, inferenceStepCount: 5, sampleCount: 16)
        let larger = try configuration().makeScheduler(
            .euler, inferenceStepCount: 5, sampleCount: 17)
        let ddim = try configuration().makeScheduler(.ddim, inferenceStepCount: 5, sampleCount: 16)
        for history in [lms.history, larger.history, ddim.history] {
            var writer = WordWriter()
            history.save(to: &writer)
            var reader = try WordReader(writer.finish())
            // Whether it is complete is only known when everything has been read.
            #expect(throws: SavedStateError.self) {
                try euler.history.restore(from: &reader, stepCount: 5)
                try reader.finish()
            }
        }
    }

    @Test func callCountsMatchDiffusers() throws {
        for (method, count) in [(SamplingMethod.pndm, 51), (.heun, 99), (.ddim, 50), (.lcm, 50)] {
            let scheduler = try configuration().makeScheduler(
                method, inferenceStepCount: 50, sampleCount: 1)
            #expect(scheduler.timesteps.count == count)
        }
        // numpy's arange has 104 entries here, the last of them timestep -1.
        let trailing = try configuration { $0.timestepSpacing = "trailing" }.makeScheduler(
            .ddim, inferenceStepCount: 103, sampleCount: 1)
        #expect(trailing.timesteps.count == 103)
        #expect(trailing.timesteps.last == 9)
    }

    @Test(arguments: SamplingMethod.allCases)
    func everyStepCountEndsOrIsRefused(method: SamplingMethod) throws {
        for steps in [1, 2, 3, 4, 50, 333, 998, 999, 1000] {
            do throws(SchedulerError) {
                let scheduler = try SchedulerConfiguration(method).makeScheduler(
                    method, inferenceStepCount: steps, sampleCount: 4)
                #expect(scheduler.timesteps.count >= steps)
            } catch {
                #expect("\(error)".contains("choose from"))
                // By default PNDM begins with Runge-Kutta steps; LCM and TCD were distilled at 50.
                let isDistilled = method == .lcm || method == .tcd
                // A solver uses one timestep more than it has steps.
                let isSolver = method == .dpmPlusPlus2M || method == .uniPC
                #expect(
                    isDistilled && steps > 50 || method == .pndm && steps < 4
                        || isSolver && steps == 1000)
            }
        }
        for steps in [-1, 0, 1001] {
            #expect {
                try configuration().makeScheduler(
                    method, inferenceStepCount: steps, sampleCount: 4)
            } throws: { "\($0)".contains("choose from 1 to 1000 with --steps") }
        }
    }

    @Test func schedulesOverrideTheFile() throws {
        let configuration = try configuration { $0.timestepSpacing = "leading" }
        func timesteps(_ method: SamplingMethod, _ schedule: SigmaSchedule) throws -> [Float] {
            try configuration.makeScheduler(
                method, sigmaSchedule: schedule, inferenceStepCount: 4, sampleCount: 1
            ).timesteps
        }
        for method in SamplingMethod.allCases where method != .lcm && method != .tcd {
            let calls = try timesteps(method, .sgmUniform)
            #expect(calls.first == 999)
            #expect(calls.last == 249)
        }
        for schedule in [SigmaSchedule.karras, .exponential] {
            // Ancestral Euler uses Euler's sigmas, for which diffusers' class has no key.
            #expect(try timesteps(.eulerAncestral, schedule) == timesteps(.euler, schedule))
            #expect(try timesteps(.euler, schedule) != timesteps(.euler, .modelDefault))
            for method in [SamplingMethod.ddim, .pndm, .lcm, .tcd] {
                #expect(throws: SchedulerError.self) { try timesteps(method, schedule) }
            }
        }
        for method in [SamplingMethod.lcm, .tcd] {
            #expect(throws: SchedulerError.self) { try timesteps(method, .sgmUniform) }
            #expect(try timesteps(method, .modelDefault) == [999, 759, 499, 259])
        }
    }

    @Test func thePipelineCorrectsOldFiles() throws {
        let old = try SchedulerConfiguration(
            json: Data("{\"_class_name\": \"DDIMScheduler\", \"clip_sample\": true}".utf8))
        let corrected = old.correctedForStableDiffusion()
        func timesteps(_ configuration: SchedulerConfiguration) throws -> [Float] {
            try configuration.makeScheduler(.ddim, inferenceStepCount: 50, sampleCount: 1).timesteps
        }
        #expect(try timesteps(old).first == 980)
        #expect(try timesteps(corrected).first == 981)
        #expect(corrected.clipSample == false)
    }
}
