// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Evaluation
import Foundation
import GenerationTypes
import ImageCodec
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// The judge against its reference in torch, on renders not used for training.
@Suite("Judge")
struct AttributeJudgeTests {
    /// Largest difference of an output; outputs reach 25.
    static let bound: Float = 1e-3

    private func golden(_ name: String) throws -> String {
        try GoldenFiles(of: .module).path("judge/\(name)")
    }

    private func judge(_ backend: BackendKind) throws -> AttributeJudge {
        try AttributeJudge(
            directory: try EmbeddedModel.judgeDirectory(),
            compute: ComputeConfiguration(backend: backend, threadCount: 1))
    }

    @Test(arguments: BackendKind.allCases)
    func outputsAndDecisionsMatchTheReference(_ backend: BackendKind) throws {
        let judge = try judge(backend)
        let prompts = try AttributePrompt.read(
            path: try EmbeddedModel.judgeDirectory() + "/prompts.json", for: judge.configuration)
        let tensor = try SafeTensorsFile(path: try golden("logits.safetensors")).tensor("logits")
        let count = judge.configuration.outputCount
        try #require(tensor.shape == [8, count])
        let expected = try tensor.floats()
        let folder = try PictureFolder(path: try golden(""))
        #expect(folder.numbers == Array(0..<8))
        for prompt in prompts.prefix(8) {
            let found = try judge.logits(of: try folder.picture(of: prompt))
            let reference = Array(expected[prompt.index * count..<(prompt.index + 1) * count])
            let difference = zip(found, reference).map { ($0 - $1).magnitude }.max()
            #expect(try #require(difference) <= Self.bound, "picture \(prompt.index)")
            let shown = judge.configuration.scene(found)
            #expect(shown == judge.configuration.scene(reference))
            // The renderer drew the prompt, and the judge recognises it.
            let judged = JudgedPicture(prompt, shown: shown, judge: judge.configuration)
            #expect(judged.misses == [])
            #expect(judged.answers.values.allSatisfy { $0.allSatisfy { $0 == true } })
        }
    }

    @Test func onlyTheSizeOfTrainingIsJudged() throws {
        let judge = try judge(.onednn)
        let error = #expect(throws: JudgeSizeError.self) {
            try judge.attributes(of: RGBImage(width: 512, height: 256))
        }
        #expect(error?.description.contains("-W 256 -H 256") == true)
    }

    /// A copy of the judge whose `judge.json` has one text replaced.
    private func damaged(_ text: String, _ replacement: String) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let source = try EmbeddedModel.judgeDirectory()
        let json = try String(contentsOfFile: "\(source)/judge.json", encoding: .utf8)
        try #require(json.contains(text))
        try directory.write(
            Array(json.replacing(text, with: replacement, maxReplacements: 1).utf8),
            to: "judge.json")
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("judge.safetensors"),
            withDestinationPath: "\(source)/judge.safetensors")
        return directory
    }

    @Test(
        arguments: [
            ("\"sky\": 5", "\"sky\": 6", "outputs.sky"),
            ("\"kernel\": 3", "\"kernel\": 5", "layers[0]"),
            ("\"groups\": 8", "\"groups\": 7", "layers[1]"),
            ("\"silu\": true", "\"relu\": true", "layers"),
            ("x / 127.5 - 1", "x / 255", "input"), ("\"flatten\"", "\"flat\"", "layers"),
            ("\"kinds\"", "\"types\"", "kinds"),
        ])
    func aConfigurationThatDoesNotFitIsNamed(text: String, replacement: String, part: String) throws
    {
        let directory = try damaged(text, replacement)
        let error = #expect(throws: ConfigurationError.self) {
            try AttributeJudge(
                directory: directory.path, compute: ComputeConfiguration(threadCount: 1))
        }
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }

    @Test func weightsOfAnotherNetworkAreRefused() throws {
        let directory = try damaged("\"channels\": 16", "\"channels\": 24")
        let error = #expect(throws: CheckpointMismatchError.self) {
            try AttributeJudge(
                directory: directory.path, compute: ComputeConfiguration(threadCount: 1))
        }
        #expect(error?.misshapen.map(\.name).contains("features.0.weight") == true)
    }
}
