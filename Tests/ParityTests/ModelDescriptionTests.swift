// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// What configurations alone say about requests agrees with the model itself.
@Suite struct ModelDescriptionTests {
    private func embedded() throws -> ModelDescription {
        try ModelDescription(of: try ModelDirectory(path: try EmbeddedModel.directory()))
    }

    private func request(
        _ merging: TokenMergeConfiguration, size: Int = 64, guidanceScale: Float = 7.5
    ) -> GenerationRequest {
        GenerationRequest(
            prompt: "a", seed: 1, width: size, height: size, guidanceScale: guidanceScale,
            tokenMerging: merging)
    }

    /// The U-Net's transformer blocks, counted without its weights.
    @Test(arguments: ["postcards", "tiny", "tiny2", "mixed", "plain"])
    func mergeSitesMatchTheNetwork(_ name: String) throws {
        let folder = try TemporaryDirectory()
        _ = try folder.copy("\(try modelPath(name))/unet", as: "unet")
        // Its text encoder has the right width.
        let companion = ["postcards", "tiny"].contains(name) ? name : "tiny2"
        for component in ["vae", "text_encoder"] {
            _ = try folder.copy("\(try modelPath(companion))/\(component)", as: component)
        }
        let model = try ModelDirectory(path: folder.path)
        let unet = try UNet2DConditionModel.load(
            from: model, backend: try Machine.standard.makeBackend())
        let description = try ModelDescription(of: model)
        let request = request(.none, size: 9 * description.vaeScaleFactor)
        let sites = description.mergeSites(of: request)
        #expect(!sites.isEmpty)
        #expect(sites == unet.mergeSites(for: description.latentsShape(of: request)))
    }

    @Test func impossibleMergingIsRefused() throws {
        let description = try embedded()
        let atc = TokenMergeConfiguration(method: "atc")
        try description.check(request(atc, size: 768))
        #expect(
            throws: TokenMergeConfigurationError.tooManyTokens(
                method: "atc", count: 16384, limit: 9216)
        ) { try description.check(request(atc, size: 1024)) }
        let importance = TokenMergeConfiguration(method: "importance")
        try description.check(request(importance))
        #expect(throws: TokenMergeConfigurationError.needsGuidance(method: "importance")) {
            try description.check(request(importance, guidanceScale: 1))
        }
        #expect(throws: PictureSizeError.self) { try description.check(request(atc, size: 1020)) }
    }

    /// A copy of the embedded model with another `model_index.json`.
    private func indexed(_ index: String) throws -> TemporaryDirectory {
        let folder = try TemporaryDirectory()
        for component in ["unet", "vae", "text_encoder"] {
            _ = try folder.copy("\(try EmbeddedModel.directory())/\(component)", as: component)
        }
        try folder.write(index, to: "model_index.json")
        return folder
    }

    private func description(_ index: String) throws -> ModelDescription {
        let folder = try indexed(index)
        return try ModelDescription(of: try ModelDirectory(path: folder.path))
    }

    /// Stable Diffusion 1.5's published file.
    @Test func omittedComponentsAreReported() throws {
        let published = """
            {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.6.0",
             "feature_extractor": ["transformers", "CLIPImageProcessor"],
             "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
             "scheduler": ["diffusers", "PNDMScheduler"], "requires_safety_checker": true,
             "text_encoder": ["transformers", "CLIPTextModel"],
             "tokenizer": ["transformers", "CLIPTokenizer"],
             "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
            """
        let warning = try #require(try description(published).leftOutWarning)
        #expect(warning.contains("safety_checker"))
        #expect(!warning.contains("feature_extractor"))
        let none = published.replacingOccurrences(
            of: "[\"stable_diffusion\", \"StableDiffusionSafetyChecker\"]", with: "[null, null]")
        #expect(try description(none).leftOutWarning == nil)
        #expect(
            try description("{\"image_encoder\": [\"transformers\", \"X\"]}")
                .leftOutWarning?.contains("image_encoder") == true)
        #expect(try embedded().leftOutWarning == nil)
    }

    @Test func otherPipelinesAreRefusedByName() throws {
        for name in ["StableDiffusionXLPipeline", "StableDiffusionPipelineSafe", "X"] {
            let error = #expect(throws: ConfigurationError.self) {
                try description("{\"_class_name\": \"\(name)\"}")
            }
            let text = "\(try #require(error))"
            #expect(text.contains("model_index.json") && text.contains("\"\(name)\""), "\(text)")
            #expect(text.contains("StableDiffusionPipeline"))
        }
        // Custom code.
        #expect(throws: ConfigurationError.self) {
            try description("{\"_class_name\": [\"lpw\", \"LongPromptPipeline\"]}")
        }
        for part in [
            "\"unet\": [\"my_unet\", \"UNet2DConditionModel\"]",
            "\"vae\": [\"diffusers\", \"AsymmetricAutoencoderKL\"]",
            "\"tokenizer\": [\"transformers\", \"BertTokenizer\"]",
            "\"text_encoder\": [\"transformers\", \"T5EncoderModel\"]",
        ] {
            let error = #expect(throws: ConfigurationError.self) { try description("{\(part)}") }
            #expect("\(try #require(error))".contains("supported: "), "\(part)")
        }
        let error = #expect(throws: ConfigurationError.self) {
            try description("{\"_class_name\": \"LatentConsistencyModelPipeline\"}")
        }
        #expect("\(try #require(error))".contains("time_cond_proj_dim"))
    }

    @Test func plainModelsHaveThePlainRecipe() throws {
        func expectPlain(_ recipe: ModelRecipe) {
            let plain = ModelRecipe()
            #expect(recipe.kind == .standard && recipe.notice == nil)
            #expect(recipe.samplingMethod == plain.samplingMethod)
            #expect(recipe.inferenceStepCount == plain.inferenceStepCount)
            #expect(recipe.guidanceScale == plain.guidanceScale)
        }
        for name in ["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"] {
            expectPlain(try description("{\"_class_name\": \"\(name)\"}").recipe)
        }
    }

    /// A copy of the embedded model's configurations with another `retom.json`.
    private func recipe(_ defaults: String) throws -> ModelRecipe {
        let folder = try indexed("{}")
        try folder.write(defaults, to: ModelDefaults.fileName)
        return try ModelDescription(of: try ModelDirectory(path: folder.path)).recipe
    }

    /// What converges in fewest calls: docs/performance.md.
    @Test func theEmbeddedModelBringsItsRecipe() throws {
        let recipe = try embedded().recipe
        #expect(recipe.kind == .standard && recipe.notice == nil)
        #expect(recipe.summary.hasPrefix("DPM++ 2M Karras, 16 steps, guidance 7.5, "))
    }

    @Test func usersMaySetAModelsDefaults() throws {
        let plain = ModelRecipe()
        let none = try recipe("{}")
        #expect(none.samplingMethod == plain.samplingMethod)
        #expect(none.inferenceStepCount == plain.inferenceStepCount)
        let some = try recipe(#"{"sampler_name": "DPM++ 2M Karras", "steps": 18}"#)
        #expect(some.samplingMethod == .dpmPlusPlus2M && some.sigmaSchedule == .karras)
        #expect(some.inferenceStepCount == 18 && some.guidanceScale == plain.guidanceScale)
        #expect(some.summary.hasPrefix("DPM++ 2M Karras, 18 steps"))
        let all = try recipe(
            """
            {"sampler_name": "DPM++ 2M Karras", "scheduler": "sgm_uniform", "steps": null,
             "cfg_scale": 3}
            """)
        #expect(all.sigmaSchedule == .sgmUniform && all.guidanceScale == 3)
        #expect(all.inferenceStepCount == plain.inferenceStepCount)
    }

    /// The user's own file counts before what the model's kind says.
    @Test func defaultsCountBeforeWhatAModelIsMadeFor() {
        var defaults = ModelDefaults()
        defaults.inferenceStepCount = 6
        let recipe = ModelRecipe(pipeline: .latentConsistency, defaults: defaults)
        #expect(recipe.kind == .latentConsistency && recipe.samplingMethod == .lcm)
        #expect(recipe.inferenceStepCount == 6 && recipe.guidanceScale == 8.5)
    }

    @Test(arguments: [
        (#"{"sampler": "euler"}"#, #"unknown setting "sampler", known are sampler_name"#),
        (#"{"sampler_name": "fast"}"#, #"sampler_name "fast" is none of ddim"#),
        (#"{"scheduler": "slow"}"#, #"scheduler "slow" is none of default"#),
        (#"{"steps": 0}"#, "steps 0 is not from 1 to 1000"),
        (#"{"steps": 1e30}"#, #""steps""#), (#"{"steps": 2.5}"#, #""steps""#),
        (#"{"steps": "16"}"#, #""steps" should be a whole number"#),
        (#"{"cfg_scale": -1}"#, "cfg_scale -1.0 is not from 0 to 1000"),
        ("[16]", "is no JSON object"), ("{", "is not JSON"), ("", "is not JSON"),
    ])
    func unusableDefaultsAreRefused(_ text: String, _ problem: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try recipe(text) }
        let description = "\(try #require(error))"
        #expect(description.contains("/retom.json: ") && description.contains(problem))
        #expect(description.hasSuffix("correct it, or remove the file"), "\(description)")
    }

    @Test func idleMergingIsKnownBefore() throws {
        let description = try embedded()
        #expect(try description.mergesAnything(request(TokenMergeConfiguration())))
        #expect(try !description.mergesAnything(request(.none)))
        var little = TokenMergeConfiguration()
        little.ratio = 0
        #expect(try !description.mergesAnything(request(little)))
    }

    /// A model that takes the guidance scale as an input has no second half to compare with.
    @Test func distilledModelsHaveNoGuidance() throws {
        let folder = try TemporaryDirectory()
        for component in ["unet", "vae", "text_encoder"] {
            _ = try folder.copy("\(try EmbeddedModel.directory())/\(component)", as: component)
        }
        let url = URL(filePath: folder.file("unet/config.json"))
        var object = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        object["time_cond_proj_dim"] = 256
        try JSONSerialization.data(withJSONObject: object).write(to: url)
        let description = try ModelDescription(of: try ModelDirectory(path: folder.path))
        #expect(description.isGuidanceDistilled)
        #expect(description.halves(of: request(.none)) == 1)
        try description.check(request(TokenMergeConfiguration()))
        #expect(throws: TokenMergeConfigurationError.needsGuidance(method: "importance")) {
            try description.check(request(TokenMergeConfiguration(method: "importance")))
        }
    }
}
