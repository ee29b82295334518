// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Requests
import TestSupport
import Testing

/// A request's one JSON, which reports, pictures, accounts and checkpoints depend on.
@Suite struct GenerationRequestJSONTests {
    /// Every value differs from its default.
    private static let unusual: GenerationRequest = {
        var merging = TokenMergeConfiguration(method: "tome")
        merging.ratio = 0.4
        merging.period = 3
        merging.refreshCalls = [1, 5]
        merging.featureSource = .hiddenStates
        merging.scope = .keysValues
        merging.strideY = 4
        merging.window = .levels([4, 2])
        return GenerationRequest(
            prompt: "a \"red\" house/\u{202E}雪\n", negativePrompt: "blur", seed: .max, width: 512,
            height: 768, inferenceStepCount: 31, guidanceScale: 6.1,
            samplingMethod: .dpmPlusPlus2M, sigmaSchedule: .sgmUniform, eta: 0.45, clipSkip: 2,
            tokenMerging: merging)
    }()

    private static let usual = GenerationRequest(
        prompt: "a red house", seed: 42, width: 256, height: 256)

    private static func golden(_ name: String) throws -> String {
        try GoldenFiles(of: .module).text(name)
    }

    /// As above, with the settings that the first versions did not have.
    private static let later: GenerationRequest = {
        var request = unusual
        request.guidanceRescale = 0.7
        request.forecastInterval = 2
        return request
    }()

    @Test(arguments: [
        ("request.json", usual), ("request-unusual.json", unusual), ("request-later.json", later),
    ])
    func theBytesStay(_ name: String, _ request: GenerationRequest) throws {
        let golden = try Self.golden(name)
        #expect(request.json + "\n" == golden)
        #expect(try GenerationRequest(json: golden) == request)
    }

    /// What an earlier version did not write yet.
    @Test func absentValuesHaveTheirDefaults() throws {
        let json = #"{"prompt": "a red house", "seed": 42, "width": 256, "height": 256}"#
        #expect(try GenerationRequest(json: json) == Self.usual)
        let tcd = json.replacing("\"seed\"", with: "\"sampler_name\": \"tcd\", \"seed\"")
        #expect(try GenerationRequest(json: tcd).eta == 0.3)
    }

    /// Without its setting the request would be another picture's.
    @Test func aLaterVersionsSettingIsRefusedByName() throws {
        let json = #"{"prompt": "a", "seed": 1, "width": 8, "height": 8, "lora": ["x"]}"#
        #expect(throws: UnknownRequestKeyError(key: "lora")) { try GenerationRequest(json: json) }
        let nested =
            #"{"prompt": "a", "seed": 1, "width": 8, "height": 8, "token_merging": {"x": 1}}"#
        #expect(throws: UnknownRequestKeyError(key: "token_merging.x")) {
            try GenerationRequest(json: nested)
        }
        // In reports and pictures it is only read.
        #expect(try JSONText.decode(GenerationRequest.self, from: json.utf8).prompt == "a")
    }

    @Test(arguments: [
        #"{"seed": 1, "width": 8, "height": 8}"#,
        #"{"prompt": "a", "seed": -1, "width": 8, "height": 8}"#,
        #"{"prompt": "a", "seed": 1, "width": 8, "height": 8, "sampler_name": "Euler Z"}"#,
        #"{"prompt": "a", "seed": 1, "width": 8, "height": 8, "token_merging": {"ratio": 2}}"#,
        "[]", "",
    ])
    func whatIsNoRequestIsRefused(_ json: String) {
        #expect(throws: (any Error).self) { try GenerationRequest(json: json) }
    }

    @Test func theDigestIsOfTheBytes() throws {
        var other = Self.usual
        other.eta = 0.25
        #expect(Self.usual.digest != other.digest)
        #expect(
            try GenerationRequest(json: Self.golden("request.json")).digest
                == 7_459_242_676_907_028_305)
    }
}
