// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import GenerationTypes
import Requests
import StableDiffusion
import Testing

@Suite struct GenerationOptionsTests {
    private func settings(
        _ arguments: [String], _ pipeline: ModelIndex.Pipeline
    ) throws -> GenerationSettings {
        try GenerationOptions.parse(arguments).settings(
            defaultWidth: 64, defaultHeight: 64, recipe: ModelRecipe(pipeline: pipeline),
            tokenMerging: .none)
    }

    /// What is left open is the model's; what is given counts.
    @Test func theModelFillsWhatIsLeftOpen() throws {
        let plain = try settings([], .stableDiffusion)
        #expect(plain.samplingMethod == .ddim)
        #expect(plain.inferenceStepCount == 25 && plain.guidanceScale == 7.5)
        let consistent = try settings([], .latentConsistency)
        #expect(consistent.samplingMethod == .lcm)
        #expect(consistent.inferenceStepCount == 4 && consistent.guidanceScale == 8.5)
        let given = try settings(
            ["--steps", "6", "--cfg-scale", "2", "--sampling-method", "euler"], .latentConsistency)
        #expect(given.samplingMethod == .euler)
        #expect(given.inferenceStepCount == 6 && given.guidanceScale == 2)
    }

    /// The recipe's spacing of noise levels belongs to its sampler.
    @Test(
        arguments: [
            ([], .karras), (["--scheduler", "default"], .modelDefault),
            (["--scheduler", "exponential"], .exponential),
            (["--sampling-method", "euler"], .modelDefault),
            (["--sampling-method", "Euler Exponential"], .exponential),
            (["--sampling-method", "DPM++ 2M Karras", "--scheduler", "default"], .modelDefault),
        ] as [([String], SigmaSchedule)])
    func schedulesFollowTheSampler(_ arguments: [String], _ expected: SigmaSchedule) throws {
        var recipe = ModelRecipe()
        recipe.sigmaSchedule = .karras
        let settings = try GenerationOptions.parse(arguments).settings(
            defaultWidth: 64, defaultHeight: 64, recipe: recipe, tokenMerging: .none)
        #expect(settings.sigmaSchedule == expected)
    }
}
