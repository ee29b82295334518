// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import StableDiffusion
import Testing

/// How models want to be sampled, by what their files say.
@Suite struct ModelRecipeTests {
    /// A model's files, and what follows from them.
    struct Row: Sendable, CustomTestStringConvertible {
        var scheduler: String?
        var pipeline = ModelIndex.Pipeline.stableDiffusion
        var takesGuidance = false
        var kind: ModelRecipe.Kind
        var method: SamplingMethod
        var steps: Int
        var guidance: Float

        var testDescription: String { "\(scheduler ?? "no file") \(pipeline) \(takesGuidance)" }
    }

    private static let plain = ModelRecipe()

    private static func standard(_ scheduler: String?) -> Row {
        Row(
            scheduler: scheduler, kind: .standard, method: plain.samplingMethod,
            steps: plain.inferenceStepCount, guidance: plain.guidanceScale)
    }

    private static func distilled(_ scheduler: String, _ method: SamplingMethod) -> Row {
        Row(scheduler: scheduler, kind: .fewSteps, method: method, steps: 4, guidance: 1)
    }

    static let rows: [Row] = [
        // Stable Diffusion 1.5, 2.1, and those that people save with another scheduler.
        standard(nil),
        standard(#"{"_class_name": "PNDMScheduler", "skip_prk_steps": true}"#),
        standard(#"{"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"}"#),
        standard(#"{"_class_name": "EulerDiscreteScheduler"}"#),
        standard(#"{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}"#),
        standard(#"{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "linspace"}"#),
        // Trailing for other reasons than few steps.
        standard(
            #"{"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "trailing"}"#),
        standard(
            """
            {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", \
            "prediction_type": "v_prediction"}
            """),
        standard(
            """
            {"_class_name": "DDIMScheduler", "timestep_spacing": "trailing", \
            "rescale_betas_zero_snr": true}
            """),
        // A class that is not built here.
        standard(#"{"_class_name": "DDPMScheduler", "timestep_spacing": "trailing"}"#),
        // SD-Turbo and Lightning; SDXL-Turbo's; Hyper-SD.
        distilled(
            """
            {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", \
            "prediction_type": "epsilon", "rescale_betas_zero_snr": false}
            """, .euler),
        distilled(
            #"{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}"#, .euler),
        distilled(
            """
            {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", \
            "prediction_type": "sample"}
            """, .euler),
        distilled(
            #"{"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}"#,
            .eulerAncestral),
        distilled(#"{"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"}"#, .ddim),
        // Merged LCM- and TCD-LoRAs.
        distilled(#"{"_class_name": "LCMScheduler"}"#, .lcm),
        distilled(#"{"_class_name": "TCDScheduler"}"#, .tcd),
        // Latent Consistency Models, by either mark.
        Row(
            scheduler: #"{"_class_name": "LCMScheduler"}"#, pipeline: .latentConsistency,
            takesGuidance: true, kind: .latentConsistency, method: .lcm, steps: 4, guidance: 8.5),
        Row(
            scheduler: nil, pipeline: .latentConsistency, kind: .latentConsistency, method: .lcm,
            steps: 4, guidance: 8.5),
        Row(
            scheduler: #"{"_class_name": "PNDMScheduler"}"#, takesGuidance: true,
            kind: .latentConsistency, method: .lcm, steps: 4, guidance: 8.5),
    ]

    private func recipe(_ row: Row) throws -> ModelRecipe {
        ModelRecipe(
            pipeline: row.pipeline,
            scheduler: try row.scheduler.map { try SchedulerConfiguration(json: Array($0.utf8)) },
            takesGuidance: row.takesGuidance)
    }

    @Test(arguments: rows)
    func filesDecide(_ row: Row) throws {
        let recipe = try recipe(row)
        #expect(recipe.kind == row.kind)
        #expect(recipe.samplingMethod == row.method)
        #expect(recipe.inferenceStepCount == row.steps)
        #expect(recipe.guidanceScale == row.guidance)
        #expect((recipe.notice == nil) == (row.kind == .standard))
    }

    /// Spacing and prediction are the file's, and said.
    @Test func theSummarySaysAll() throws {
        let turbo = try recipe(Self.rows.first { $0.method == .euler } ?? Self.rows[0])
        let summary = "Euler, 4 steps, guidance 1.0, trailing timesteps, predicts epsilon"
        #expect(turbo.summary == summary)
        #expect(turbo.notice?.contains(turbo.summary) == true)
    }

    /// A file's name alone sets nothing.
    @Test func namesOnlyPropose() {
        let plain = ModelRecipe()
        func proposal(_ name: String) -> String? { plain.proposal(forFile: "/models/lcm/\(name)") }
        #expect(proposal("sd_Turbo.safetensors")?.contains("euler --scheduler sgm_uniform") == true)
        #expect(proposal("dream-LCM.safetensors")?.contains("--sampling-method lcm") == true)
        #expect(proposal("dream.safetensors") == nil)
        #expect(proposal("turbo") == nil)
        var few = plain
        few.kind = .fewSteps
        #expect(few.proposal(forFile: "turbo.safetensors") == nil)
    }

    private func request(
        _ steps: Int, _ guidance: Float, _ method: SamplingMethod = .euler
    ) -> GenerationRequest {
        GenerationRequest(
            prompt: "a", seed: 1, width: 64, height: 64, inferenceStepCount: steps,
            guidanceScale: guidance, samplingMethod: method)
    }

    /// Options that fight a distilled model are told once each, with how many images they are of.
    @Test func optionsThatFightTheModelAreTold() throws {
        var few = ModelRecipe()
        few.kind = .fewSteps
        #expect(few.warnings(for: [request(4, 1), request(10, 2), request(1, 0)]) == [])
        let warnings = few.warnings(for: [request(4, 7.5), request(25, 7.5), request(4, 1)])
        #expect(warnings.count == 2)
        #expect(warnings[0].hasPrefix("1 of 3 images ask for more than 10 steps"))
        #expect(warnings[1].hasPrefix("2 of 3 images ask for guidance above 2"))
        #expect(few.warnings(for: [request(25, 1)])[0].hasPrefix("images ask for"))

        var consistent = ModelRecipe()
        consistent.kind = .latentConsistency
        #expect(consistent.warnings(for: [request(4, 8.5, .lcm), request(4, 1, .tcd)]) == [])
        let other = consistent.warnings(for: [request(4, 8.5, .ddim)])
        #expect(other.count == 1 && other[0].contains("another sampler than lcm"))
        #expect(ModelRecipe().warnings(for: [request(150, 20)]) == [])
    }
}
