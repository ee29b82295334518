// SPDX-License-Identifier: Apache-2.0

import CKernels
import TestSupport
import Testing

@Suite("Attention in int8") struct Int8AttentionTests {
    private static let shapes: [AttentionShape] = [
        AttentionShape(width: 1, queries: 1, keys: 1),
        AttentionShape(heads: 2, width: 40, queries: 65, keys: 97),
        AttentionShape(batch: 2, heads: 3, width: 37, queries: 20, keys: 300),
        AttentionShape(width: 160, queries: 130, keys: 193),
        AttentionShape(heads: 2, width: 600, queries: 3, keys: 5),
    ]

    /// Relative error of the rounded operands, for scores of a standard deviation of 4.
    @Test(arguments: Int8KernelSet.available, Int8AttentionTests.shapes.indices)
    func isCloseToTheDefinition(_ set: Int8KernelSet, _ index: Int) {
        for element in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
            let test = AttentionCase(Self.shapes[index], element, output: RT_ELEMENT_F32)
            test.run(set)
            #expect(Deviation(test.output.values, from: test.exact()).relative < 0.06)
            #expect(test.output.hasCleanGaps)
        }
    }

    /// The reference rounds the same operands; weights at a boundary may fall to either side.
    @Test(arguments: Int8KernelSet.available, Int8AttentionTests.shapes.indices)
    func agreesWithTheReference(_ set: Int8KernelSet, _ index: Int) {
        for hasBias in [false, true] {
            let results = [Int8KernelSet.scalar, set].map { set in
                var test = AttentionCase(Self.shapes[index], RT_ELEMENT_F32)
                if hasBias { test.bias = (0..<test.shape.keys).map { Float($0 % 7) * 0.3 } }
                test.run(set)
                return test.output.values
            }
            let deviation = Deviation(results[1], from: results[0].map(Double.init))
            #expect(deviation.relative < 0.004)
        }
    }

    /// Softmax does not see what all keys have in common, and neither do the keys' scales.
    @Test(arguments: Int8KernelSet.available)
    func theMeanOfTheKeysCostsNothing(_ set: Int8KernelSet) {
        let test = AttentionCase(Self.shapes[1], RT_ELEMENT_F32)
        for key in 0..<test.shape.keys {
            for channel in 0..<test.shape.channels { test.keys[key, channel] += 50 }
        }
        test.run(set)
        #expect(Deviation(test.output.values, from: test.exact()).relative < 0.06)
    }

    /// One large weight does not round many small ones to zero.
    @Test(arguments: Int8KernelSet.available)
    func manySmallWeightsCount(_ set: Int8KernelSet) {
        let test = AttentionCase(
            AttentionShape(width: 4, queries: 1, keys: 960), RT_ELEMENT_F32)
        for channel in 0..<4 { test.queries[0, channel] = channel == 0 ? 1 : 0 }
        for key in 0..<960 {
            for channel in 0..<4 {
                // Weights 1 and exp(-7), which is less than half of 1 / 255; times 864 it is 0.8.
                test.keys[key, channel] = channel == 0 ? (key == 0 ? 14 : key < 96 ? -14 : 0) : 0
                test.values[key, channel] = key == 0 ? 1 : -1
            }
        }
        test.run(set)
        #expect(Deviation(test.output.values, from: test.exact()).greatest < 0.02)
    }

    @Test(arguments: Int8KernelSet.available)
    func bitsDoNotDependOnShares(_ set: Int8KernelSet) {
        let results = [1, 2, 7].map { shares in
            let test = AttentionCase(Self.shapes[2], RT_ELEMENT_BF16)
            test.run(set, shares: shares)
            return test.output.values
        }
        #expect(differingBitCount(results[0], results[1]) == 0)
        #expect(differingBitCount(results[0], results[2]) == 0)
    }

    @Test(arguments: Int8KernelSet.available)
    func notANumberIsNotHidden(_ set: Int8KernelSet) {
        let shape = AttentionShape(width: 20, queries: 3, keys: 5)
        let query = AttentionCase(shape, RT_ELEMENT_F32)
        query.queries[1, 4] = .nan
        query.run(set)
        #expect((0..<3).allSatisfy { query.output[$0, 0].isNaN == ($0 == 1) })
        let key = AttentionCase(shape, RT_ELEMENT_F32)
        key.keys[1, 4] = .nan
        key.run(set)
        #expect((0..<3).allSatisfy { key.output[$0, 0].isNaN })
        let value = AttentionCase(shape, RT_ELEMENT_F32)
        value.values[1, 4] = .infinity
        value.run(set)
        #expect((0..<3).allSatisfy { !value.output[$0, 0].isNaN && !value.output[$0, 4].isFinite })
    }
}

extension AttentionCase {
    /// Runs both phases, each in two ranges, out of order.
    fileprivate func run(_ set: Int8KernelSet, shares: Int = 3) {
        let kernels = set.kernels
        run(
            plan: kernels.attention_plan, pack: kernels.attention_pack, run: kernels.attention_run,
            shares: shares)
    }
}
