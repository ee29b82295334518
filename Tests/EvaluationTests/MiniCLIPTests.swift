// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Evaluation
import Foundation
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// The mini-CLIP against its reference in torch, on renders not used for training.
@Suite("Mini-CLIP")
struct MiniCLIPTests {
    /// Largest difference of an embedding's value, relative to the embedding's largest.
    static let bound: Float = 1e-3

    private static let goldens = GoldenFiles(of: .module)

    private func golden(_ name: String) throws -> [Float] {
        try Self.goldens.tensors("clip/embeddings.safetensors").tensor(name).floats()
    }

    private func clip(
        _ backend: BackendKind = .onednn, directory: String? = nil
    ) throws -> MiniCLIP {
        try MiniCLIP(
            directory: try directory ?? EmbeddedModel.clipDirectory(),
            judge: try EmbeddedModel.judgeDirectory(), model: try EmbeddedModel.directory(),
            compute: ComputeConfiguration(backend: backend, threadCount: 1))
    }

    private func difference(_ found: [Float], _ expected: ArraySlice<Float>) -> Float {
        let largest = expected.map(\.magnitude).max() ?? 0
        return (zip(found, expected).map { ($0 - $1).magnitude }.max() ?? .infinity) / largest
    }

    @Test(arguments: BackendKind.allCases)
    func embeddingsAndDistancesMatchTheReference(_ backend: BackendKind) throws {
        let clip = try clip(backend)
        let (pictures, captions) = (try golden("pictures"), try golden("captions"))
        let judge = try AttributeJudge(
            directory: try EmbeddedModel.judgeDirectory(),
            compute: ComputeConfiguration(backend: backend, threadCount: 1))
        let prompts = try AttributePrompt.read(
            path: try EmbeddedModel.judgeDirectory() + "/prompts.json", for: judge.configuration)
        let folder = try PictureFolder(path: try Self.goldens.path("judge"))
        var (seen, said): ([[Float]], [[Float]]) = ([], [])
        for (index, prompt) in prompts.prefix(8).enumerated() {
            let range = index * 128..<(index + 1) * 128
            seen.append(try clip.embedding(of: try folder.picture(of: prompt)))
            said.append(try clip.embedding(of: prompt.prompt))
            #expect(difference(seen[index], pictures[range]) <= Self.bound, "picture \(index)")
            #expect(difference(said[index], captions[range]) <= Self.bound, "caption \(index)")
        }
        for picture in 0..<8 {
            let likeness = said.map { MiniCLIP.cosine(seen[picture], $0) }
            #expect(likeness.max() == likeness[picture], "another caption fits picture \(picture)")
        }
        let known = PictureStatistics(seen).frechetDistance(to: clip.reference)
        let halves = PictureStatistics(Array(seen[..<4])).frechetDistance(
            to: PictureStatistics(Array(seen[4...])))
        for (name, found) in [("distance", known), ("halves", halves)] {
            let expected = Double(try golden(name)[0])
            #expect((found - expected).magnitude <= 1e-3 * expected, "\(name): \(found)")
        }
    }

    @Test func theDistanceToItselfIsZero() throws {
        let reference = try clip().reference
        let spread = (0..<128).reduce(0) { $0 + reference.covariance[$1 * 128 + $1] }
        #expect(reference.frechetDistance(to: reference).magnitude <= 1e-6 * spread)
    }

    @Test(
        arguments: [
            ("\"image_features\": 2048", "\"image_features\": 1024"),
            ("\"text_states\": 256", "\"text_states\": 255"),
            ("\"hidden_width\": 256", "\"hidden_width\": 0"),
            ("\"reference_pictures\": 2000", "\"reference_pictures\": 1"),
        ])
    func aConfigurationThatDoesNotFitIsRefused(text: String, replacement: String) throws {
        let directory = try TemporaryDirectory()
        let source = try EmbeddedModel.clipDirectory()
        let json = try String(contentsOfFile: "\(source)/clip.json", encoding: .utf8)
        try #require(json.contains(text))
        try directory.write(
            Array(json.replacing(text, with: replacement).utf8), to: "clip.json")
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("clip.safetensors"),
            withDestinationPath: "\(source)/clip.safetensors")
        #expect(throws: (any Error).self) { try clip(directory: directory.path) }
    }
}
