// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import ServiceAPI
import Testing

/// A1111's fields: each acts, is ignored and named, or is refused and named.
@Suite struct SDAPIFieldTests {
    private static let model = ModelRecord(
        name: "m",
        fingerprint: ModelFingerprint(
            unet: Array(repeating: 1, count: 32), textEncoder: Array(repeating: 2, count: 32),
            vae: Array(repeating: 3, count: 32)))

    /// The request for one picture with more fields, as they stand in a JSON object.
    private func request(_ fields: String) throws(APIProblem) -> SDAPIRequest {
        try SDAPIRequest(Array("{\"prompt\":\"a house\",\(fields)}".utf8), model: Self.model)
    }

    @Test(
        arguments: [
            ("\"denoising_strength\":0.7", ["denoising_strength"]),
            ("\"hr_scale\":2,\"hr_upscaler\":\"Latent\"", ["hr_scale", "hr_upscaler"]),
            ("\"enable_hr\":false,\"hr_second_pass_steps\":9", ["hr_second_pass_steps"]),
            ("\"inpainting_fill\":1", ["inpainting_fill"]),
            ("\"subseed\":7", ["subseed"]), ("\"refiner_switch_at\":0.8", ["refiner_switch_at"]),
            ("\"sampler_name\":\"Euler a\",\"eta\":0.5", ["eta"]),
            ("\"sampler_name\":\"Euler a\",\"eta\":0", ["eta"]),
            ("\"sampler_name\":\"Euler a\",\"eta\":1.0", []),
            ("\"sampler_name\":\"Euler a\",\"eta\":null", []),
            ("\"sampler_name\":\"Euler\",\"eta\":0.5", ["eta"]),
            ("\"sampler_name\":\"Euler\",\"eta\":0", []),
            ("\"sampler_name\":\"Euler\",\"eta\":1", []),
            ("\"alwayson_scripts\":{}", []), ("\"alwayson_scripts\":{\"ControlNet\":{}}", []),
            ("\"alwayson_scripts\":{\"ControlNet\":{\"args\":[]}}", []),
            ("\"alwayson_scripts\":{\"ADetailer\":{\"args\":[false,{}]}}", []),
            ("\"a_field_of_an_extension\":3", ["a_field_of_an_extension"]),
            (
                "\"override_settings\":{\"samples_format\":\"webp\"}",
                ["override_settings.samples_format"]
            ),
            ("\"override_settings\":{\"sd_vae\":\"Automatic\"}", []),
            ("\"override_settings\":{\"sd_vae\":\"None\"}", []),
            ("\"override_settings\":{\"randn_source\":\"CPU\"}", []),
        ] as [(String, [String])])
    func whatChangesNothingIsIgnoredAndNamed(_ fields: String, _ names: [String]) throws {
        let asked = try request(fields)
        #expect(asked.ignored.names.sorted() == names)
        let settings = try #require(asked.batch.entries.first).settings
        #expect(settings.eta == nil)
    }

    @Test(
        arguments: [
            ("\"enable_hr\":true", "enable_hr"), ("\"restore_faces\":true", "restore_faces"),
            ("\"tiling\":true", "tiling"), ("\"subseed_strength\":0.3", "subseed_strength"),
            ("\"styles\":[\"cinematic\"]", "styles"), ("\"script_name\":\"X/Y\"", "script_name"),
            ("\"refiner_checkpoint\":\"other\"", "refiner_checkpoint"),
            (
                "\"alwayson_scripts\":{\"ControlNet\":{\"args\":[{\"enabled\":true}]}}",
                "alwayson_scripts"
            ),
            (
                "\"override_settings\":{\"sd_vae\":\"other.safetensors\"}",
                "override_settings.sd_vae"
            ),
            ("\"override_settings\":{\"randn_source\":\"GPU\"}", "override_settings.randn_source"),
            (
                "\"override_settings\":{\"eta_noise_seed_delta\":31337}",
                "override_settings.eta_noise_seed_delta"
            ),
        ])
    func whatWouldChangeAPictureIsRefusedByName(_ fields: String, _ name: String) throws {
        let problem = try #require(throws: APIProblem.self) { _ = try request(fields) }
        #expect(problem.status == 422)
        #expect(problem.problems.count == 1 && problem.detail.contains(name), "\(problem)")
    }

    /// Fields that are refused when they ask for something are fine where they ask for nothing.
    @Test(arguments: [
        "\"enable_hr\":false", "\"restore_faces\":false", "\"tiling\":false",
        "\"subseed_strength\":0", "\"styles\":[]", "\"script_name\":\"\"",
        "\"script_name\":\"None\"", "\"refiner_checkpoint\":null", "\"s_noise\":1",
    ]) func whatAsksForNothingIsFine(_ fields: String) throws {
        #expect(try request(fields).ignored.names.isEmpty)
    }

    @Test(arguments: ["automatic", "Automatic", "normal", "NORMAL", "uniform", "Discrete", ""])
    func schedulersThatMeanTheModelsOwn(_ name: String) throws {
        let plain = try request("\"sampler_name\":\"Euler\",\"scheduler\":\"\(name)\"")
        #expect(plain.batch.entries.first?.settings.sigmaSchedule == .modelDefault)
        // A sampler's old name says more than they do.
        let old = try request("\"sampler_name\":\"DPM++ 2M Karras\",\"scheduler\":\"\(name)\"")
        #expect(old.batch.entries.first?.settings.sigmaSchedule == .karras)
        #expect(plain.ignored.names.isEmpty && old.ignored.names.isEmpty)
    }

    @Test func otherSchedulersActWithoutCaseOrAreRefused() throws {
        for name in ["karras", "Karras", "KARRAS"] {
            let asked = try request("\"sampler_name\":\"Euler\",\"scheduler\":\"\(name)\"")
            #expect(asked.batch.entries.first?.settings.sigmaSchedule == .karras)
        }
        let problem = try #require(throws: APIProblem.self) {
            _ = try request("\"scheduler\":\"beta\"")
        }
        #expect(problem.status == 422 && problem.detail.contains("scheduler 'beta'"), "\(problem)")
    }

    @Test func etaActsWhereTheSamplerReadsIt() throws {
        let asked = try request("\"sampler_name\":\"DDIM\",\"eta\":0.5")
        #expect(asked.batch.entries.first?.settings.eta == 0.5 && asked.ignored.names.isEmpty)
    }

    /// Some clients send their own server's address and password along.
    @Test func aClientsOwnPasswordIsDropped() throws {
        let asked = try request("\"url\":\"http://127.0.0.1:7860\",\"auth\":\"ann:swordfish\"")
        guard case .object(let parameters) = asked.parameters else {
            Issue.record("\(asked.parameters)")
            return
        }
        #expect(parameters == ["prompt": .string("a house")])
        #expect(asked.ignored.names.isEmpty)
    }
}
