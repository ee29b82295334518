// SPDX-License-Identifier: Apache-2.0

import Evaluation
import TensorKit
import TestSupport
import Testing

@Suite("Similarity of tokens")
struct SimilarityTests {
    /// `[halves, 2, 3, 2]`.
    private func features(_ values: [Float], halves: Int) throws -> Tensor {
        let tensor = Tensor(
            storage: try TensorStorage(byteCount: 4 * values.count + 256),
            shape: TensorShape(batch: halves, height: 2, width: 3, channels: 2),
            elementType: .float32)
        for (index, value) in values.enumerated() { tensor.floats[index] = value }
        return tensor
    }

    @Test func cosinesAreOfTheWindowAndTheMeanOfTheHalves() throws {
        // The window of two at (1, 0) holds tokens 1, 2, 4, 5.
        let uncond: [Float] = [9, 9, 1, 0, 0, 2, 9, 9, 3, 0, -1, 0]
        let text: [Float] = [9, 9, 1, 0, 5, 0, 9, 9, 0, 1, 0, 0]
        let one = TokenCosines(try features(uncond, halves: 1), x: 1, y: 0, windowSide: 2)
        #expect(one.side == 4)
        #expect(one.values == [1, 0, 1, -1, 0, 1, 0, 0, 1, 0, 1, -1, -1, 0, -1, 1])
        let both = TokenCosines(try features(uncond + text, halves: 2), x: 1, y: 0, windowSide: 2)
        // A zero token is similar to none, not even to itself.
        #expect(
            both.values == [
                1, 0.5, 0.5, -0.5, 0.5, 1, 0, 0, 0.5, 0, 1, -0.5, -0.5, 0, -0.5, 0.5,
            ])
    }

    @Test func choicesAgreeByWindow() {
        let now = PlanChoices(representatives: [0, 5], sources: [[1, 2], [6, 7]])
        let then = PlanChoices(representatives: [0, 4], sources: [[1, 3], [7, 6]])
        #expect(now.representativeAgreement(with: now) == 1)
        #expect(now.sourceAgreement(with: now) == 1)
        #expect(now.representativeAgreement(with: then) == 0.5)
        #expect(now.sourceAgreement(with: then) == 0.75)
    }
}
