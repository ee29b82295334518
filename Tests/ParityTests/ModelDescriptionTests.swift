// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// What is said of requests from configurations alone is what the model itself would say.
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
    func mergeSitesAreTheNetworks(_ name: String) throws {
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

    @Test func whatNoWorkerCanMergeIsRefused() throws {
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
