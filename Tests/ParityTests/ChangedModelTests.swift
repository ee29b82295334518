// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Model files overwritten while a program runs: late reads give an error with its reason, neither
/// another picture nor a crash.
@Suite(.serialized)
struct ChangedModelTests {
    enum Change: CaseIterable {
        case cutShort
        case overwritten
        case longer
    }

    private func change(_ path: String, _ change: Change) throws {
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        let size = try handle.seekToEnd()
        switch change {
        case .cutShort: try handle.truncate(atOffset: 4096)
        case .overwritten:
            try handle.seek(toOffset: size - 64)
            try handle.write(contentsOf: Data(repeating: 1, count: 64))
            // Writing in the same tick of the file system's clock would go unnoticed.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)],
                ofItemAtPath: path)
        case .longer: try handle.write(contentsOf: Data([0]))
        }
        try handle.close()
    }

    /// The token table is read for every new prompt.
    @Test(arguments: Change.allCases)
    func newPromptsFail(_ kind: Change) throws {
        let folder = try TemporaryDirectory()
        let model = try folder.copy(try EmbeddedModel.directory(), as: "model")
        let weights = "\(model)/text_encoder/model.safetensors"
        let pipeline = try StableDiffusionPipeline(
            model: ModelDirectory(path: model),
            compute: ComputeConfiguration(
                backend: .onednn, precision: .float32, threadCount: 1))
        func draw(_ prompt: String) throws -> GeneratedLatents {
            let run = try pipeline.begin(
                GenerationRequest(
                    prompt: prompt, seed: 1, width: 64, height: 64, inferenceStepCount: 1,
                    tokenMerging: .none))
            while try run.next() != nil {}
            return run.latents
        }
        let before = try draw("a house")
        try change(weights, kind)
        let error = #expect(throws: SafeTensorsError.changed(file: weights)) {
            try draw("a boat")
        }
        #expect("\(try #require(error))".contains("was changed while it was in use"))
        // Memory still holds the model that was hashed.
        #expect(try draw("a house") == before)
    }

    /// Layers that are packed anew for every prompt.
    @Test(arguments: Change.allCases)
    func layersThatAreNotKeptFail(_ kind: Change) throws {
        let folder = try TemporaryDirectory()
        let model = try folder.copy(try Goldens.path("tiny"), as: "model")
        let encoder = try CLIPTextModel.load(
            from: ModelDirectory(path: model), backend: try Machine.standard.makeBackend(),
            team: ThreadTeam(threadCount: 2), keptWeightCountMax: 0)
        let tokens = [Int32](repeating: 5, count: 77)
        let output = try Tensor.make(encoder.outputShape(tokenCount: tokens.count))
        let lane = try Machine.standard.makeLane()
        func encode() throws {
            try lane.run { lane in
                try encoder.forward(sequences: [tokens], into: [output], lane: lane)
            }
        }
        try encode()
        let weights = "\(model)/text_encoder/model.safetensors"
        try change(weights, kind)
        #expect(throws: SafeTensorsError.changed(file: weights)) { try encode() }
    }

    /// A new version that replaces the old one by name: the old one stays open.
    @Test func filesThatAreReplacedDoNoHarm() throws {
        let folder = try TemporaryDirectory()
        let model = try folder.copy(try Goldens.path("tiny"), as: "model")
        let encoder = try CLIPTextModel.load(
            from: ModelDirectory(path: model), backend: try Machine.standard.makeBackend(),
            keptWeightCountMax: 0)
        let tokens = [Int32](repeating: 5, count: 77)
        let output = try Tensor.make(encoder.outputShape(tokenCount: tokens.count))
        let lane = try Machine.standard.makeLane()
        func encode() throws -> [Float] {
            try lane.run { lane in
                try encoder.forward(sequences: [tokens], into: [output], lane: lane)
            }
            return output.values
        }
        let before = try encode()
        try Data([1, 2, 3]).write(
            to: URL(filePath: "\(model)/text_encoder/model.safetensors"), options: .atomic)
        #expect(try encode() == before)
    }
}
