// SPDX-License-Identifier: Apache-2.0

import Glibc
import TensorKit
import Testing

@Suite("Operations: attention")
struct OperationsAttentionTests {
    private func exact(
        _ queries: Tensor, _ keys: Tensor, _ values: Tensor, heads: Int, scale: Float,
        isCausal: Bool
    ) -> [Double] {
        let (tokens, channels) = (queries.shape.tokenCount, queries.shape.channels)
        let keyCount = keys.shape.tokenCount
        let width = channels / heads
        var result: [Double] = []
        for row in 0..<queries.shape.rowCount {
            let firstKey = row / tokens * keyCount
            let seen = isCausal ? min(row % tokens + 1, keyCount) : keyCount
            for head in 0..<heads {
                let range = head * width..<(head + 1) * width
                let weights = (0..<seen).map { key in
                    exp(
                        Double(scale)
                            * range.reduce(0.0) {
                                $0 + Double(OperationTensor.value(queries, row, $1))
                                    * Double(OperationTensor.value(keys, firstKey + key, $1))
                            })
                }
                let sum = weights.reduce(0, +)
                for channel in range {
                    result.append(
                        weights.indices.reduce(0.0) {
                            $0 + weights[$1]
                                * Double(OperationTensor.value(values, firstKey + $1, channel))
                        } / sum)
                }
            }
        }
        return result
    }

    @Test("self-attention on views of one product", arguments: OperationRun.all)
    func selfAttention(_ run: OperationRun) throws {
        for (type, tolerance) in [(ElementType.float32, 1e-6), (.bfloat16, 4e-3)] {
            let shape = TensorShape(batch: 2, height: 11, width: 13, channels: 3 * 48)
            let product = try OperationTensor.make(shape, type, seed: 1)
            let (queries, keys) = (product.channels(0..<48), product.channels(48..<96))
            let values = product.channels(96..<144)
            let output = try OperationTensor.make(shape.with(channels: 48), type, gap: 8)
            let lane = try run.perform {
                $0.attention(
                    queries: queries, keys: keys, values: values, headCount: 3, scale: 0.25,
                    into: output)
            }
            let expected = exact(queries, keys, values, heads: 3, scale: 0.25, isCausal: false)
            #expect(OperationTensor.distance(output, expected) < tolerance)
            #expect(lane.work.attentionFLOPs == 2 * 4 * 143 * 143 * 48)
            #expect(lane.work.totalFLOPs == lane.work.attentionFLOPs)
        }
    }

    @Test("cross-attention and causal attention", arguments: OperationRun.all)
    func otherKinds(_ run: OperationRun) throws {
        for isCausal in [false, true] {
            let queries = try OperationTensor.make(
                TensorShape(batch: 2, tokens: 90, channels: 80), .float32, seed: 2)
            let text = TensorShape(batch: 2, tokens: 77, channels: 80)
            let keys = try OperationTensor.make(text, .float32, seed: 3)
            let values = try OperationTensor.make(text, .float32, gap: 3, seed: 4)
            let output = try OperationTensor.make(queries.shape, .float32)
            try run.perform {
                $0.attention(
                    queries: queries, keys: keys, values: values, headCount: 2, scale: 0.3,
                    isCausal: isCausal, into: output)
            }
            let expected = exact(
                queries, keys, values, heads: 2, scale: 0.3, isCausal: isCausal)
            #expect(OperationTensor.distance(output, expected) < 1e-6)
        }
    }

    @Test("the team changes no bit", arguments: [ElementType.float32, .bfloat16])
    func determinism(type: ElementType) throws {
        let shape = TensorShape(batch: 2, tokens: 300, channels: 96)
        let input = try OperationTensor.make(shape, type, seed: 5)
        let results = try OperationRun.all.filter { $0.isa != OperationRun.all[0].isa }.map { run in
            let output = try OperationTensor.make(shape, type)
            try run.perform {
                $0.attention(
                    queries: input, keys: input, values: input, headCount: 2, scale: 1,
                    into: output)
            }
            return (run, OperationTensor.values(output))
        }
        for (run, values) in results {
            let alone = results.first { $0.0.isa == run.isa && $0.0.threadCount == 1 }
            #expect(alone?.1 == values)
        }
    }

    @Test("a batch item does not depend on its batch")
    func batchIndependence() throws {
        let run = try #require(OperationRun.all.last)
        let shape = TensorShape(batch: 3, tokens: 65, channels: 40)
        let input = try OperationTensor.make(shape, .bfloat16, seed: 6)
        let together = try OperationTensor.make(shape, .bfloat16)
        try run.perform {
            $0.attention(
                queries: input, keys: input, values: input, headCount: 1, scale: 1, into: together)
        }
        for item in 0..<3 {
            let own = input.batch(item..<item + 1)
            let alone = try OperationTensor.make(own.shape, .bfloat16)
            try run.perform {
                $0.attention(
                    queries: own, keys: own, values: own, headCount: 1, scale: 1, into: alone)
            }
            let part = OperationTensor.values(together.batch(item..<item + 1))
            #expect(part == OperationTensor.values(alone))
        }
    }

    @Test("shapes that do not fit stop the program")
    func preconditions() async {
        await #expect(processExitsWith: .failure) {
            let tensor = try OperationTensor.make(TensorShape(tokens: 4, channels: 8), .float32)
            let wide = try OperationTensor.make(TensorShape(tokens: 4, channels: 16), .float32)
            try OperationRun.all[0].perform {
                $0.attention(
                    queries: tensor, keys: wide, values: wide, headCount: 2, scale: 1,
                    into: tensor)
            }
        }
    }
}
