// SPDX-License-Identifier: Apache-2.0

import Evaluation
import Foundation
import GenerationTypes
import Requests
import TestSupport
import Testing

@Suite("Evidence: measurements")
struct EvidenceDataTests {
    private func conditions(steps: Int = 50) -> EvidenceConditions {
        var request = GenerationRequest(prompt: "p", seed: 4, width: 64, height: 64)
        request.inferenceStepCount = steps
        let digest = [UInt8](repeating: 1, count: 32)
        return EvidenceConditions(
            model: ModelRecord(
                name: "m",
                fingerprint: ModelFingerprint(unet: digest, textEncoder: digest, vae: digest)),
            request: request, seed: 4,
            meter: EvidenceMeterNames(features: "test", clip: nil, lpips: nil))
    }

    private func picture(_ index: Int, prompt: Int = 5) -> EvidencePicture {
        EvidencePicture(
            index: index, promptDigest: prompt, features: [Float(index), 0.5, -2],
            clip: 70 + Double(index), psnr: index == 0 ? .infinity : 30, ssim: 0.875,
            answers: [.sky: .init(hits: 1, asked: 1), .object: .init(hits: index, asked: 2)])
    }

    @Test func aFileGivesBackWhatWasWritten() throws {
        let folder = try TemporaryDirectory()
        let data = EvidenceData(
            row: "none", conditions: conditions(), pictures: [picture(2), picture(0), picture(1)])
        try data.write(to: folder.path)
        let found = try #require(try EvidenceData.read(row: "none", in: folder.path))
        #expect(found.conditions == data.conditions)
        #expect(found.pictures.map(\.index) == [0, 1, 2])
        #expect(found.pictures.map(\.features) == data.pictures.map(\.features))
        #expect(found.pictures.map(\.psnr) == [.infinity, 30, 30])
        #expect(found.pictures.map(\.clip) == [70, 71, 72])
        #expect(found.pictures[2].lpips.isNaN)
        #expect(found.pictures[1].answers[.object] == .init(hits: 1, asked: 2))
        #expect(found.pictures[1].allAnswers == .init(hits: 2, asked: 3))
        #expect(try EvidenceData.read(row: "other", in: folder.path) == nil)
    }

    @Test func runsOfSeveralDaysAddUp() throws {
        var data = EvidenceData(row: "r", conditions: conditions(), pictures: [picture(0)])
        try data.add(
            EvidenceData(row: "r", conditions: conditions(), pictures: [picture(3), picture(0)]))
        #expect(data.pictures.map(\.index) == [0, 3])
    }

    @Test func otherConditionsAndOtherPromptsAreRefused() throws {
        var data = EvidenceData(row: "r", conditions: conditions(), pictures: [picture(0)])
        #expect(throws: EvidenceError.otherConditions(row: "r", difference: "steps 20, not 50")) {
            try data.add(EvidenceData(row: "r", conditions: conditions(steps: 20)))
        }
        #expect(throws: EvidenceError.otherPrompt(row: "r", index: 0)) {
            try data.add(
                EvidenceData(
                    row: "r", conditions: conditions(), pictures: [picture(0, prompt: 6)]))
        }
        #expect(data.pictures.map(\.promptDigest) == [5])
    }

    @Test func aDamagedFileIsAnError() throws {
        let folder = try TemporaryDirectory()
        let path = EvidenceData.path(row: "r", in: folder.path)
        try Data("no tensors".utf8).write(to: URL(filePath: path))
        #expect(throws: EvidenceError.self) { try EvidenceData.read(row: "r", in: folder.path) }
    }

    @Test func theReferenceIsKept() throws {
        let folder = try TemporaryDirectory()
        let statistics = PictureStatistics([[0, 1], [2, 5], [4, -3], [2, 1]])
        #expect(try PictureStatistics.reference(in: folder.path) == nil)
        try statistics.writeReference(to: folder.path)
        let found = try #require(try PictureStatistics.reference(in: folder.path))
        #expect(found.count == 4)
        // Kept as f32.
        #expect(found.mean == statistics.mean.map { Double(Float($0)) })
        #expect(found.covariance == statistics.covariance.map { Double(Float($0)) })
    }
}
