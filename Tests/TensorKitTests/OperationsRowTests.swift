// SPDX-License-Identifier: Apache-2.0

import Glibc
import TensorKit
import Testing

@Suite("Operations: norms, activations, rows")
struct OperationsRowTests {
    static let types: [(ElementType, ElementType)] = [
        (.float32, .float32), (.float32, .bfloat16), (.bfloat16, .float32), (.bfloat16, .bfloat16),
    ]

    /// f32 rounding of short sums; half a unit in the last place of bf16.
    private func tolerance(_ type: ElementType) -> Double { type == .float32 ? 2e-6 : 0x1p-8 }

    private func parameters(_ count: Int) throws -> ChannelParameters {
        let scale = (0..<count).map { 1 + 0.25 * Float($0 % 5) }
        let shift = (0..<count).map { 0.5 * Float($0 % 3) - 0.4 }
        return try scale.withUnsafeBufferPointer { scale in
            try shift.withUnsafeBufferPointer { try ChannelParameters(scale: scale, shift: $0) }
        }
    }

    private func normalized(
        _ values: [Double], epsilon: Double, _ apply: (Int, Double) -> Double
    ) -> [Double] {
        let mean = values.reduce(0, +) / Double(values.count)
        let variance =
            values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        let factor = 1 / (variance + epsilon).squareRoot()
        return values.enumerated().map { apply($0, ($1 - mean) * factor) }
    }

    @Test("layer norm", arguments: OperationRun.all)
    func layerNorm(_ run: OperationRun) throws {
        let norm = try parameters(100)
        for (from, to) in Self.types {
            let input = try OperationTensor.make(
                TensorShape(batch: 2, tokens: 7, channels: 100), from, gap: 4, seed: 1)
            let output = try OperationTensor.make(input.shape, to, gap: 1)
            try run.perform { $0.layerNorm(norm, epsilon: 1e-5, input, into: output) }
            let expected = (0..<14).flatMap { row in
                normalized(
                    (0..<100).map { Double(OperationTensor.value(input, row, $0)) }, epsilon: 1e-5
                ) { Double(norm.scale[$0]) * $1 + Double(norm.shift[$0]) }
            }
            #expect(OperationTensor.distance(output, expected) < tolerance(to))
        }
    }

    /// More rows than one chunk of sums, so that chunks are combined.
    @Test("group norm with SiLU, the same for every team", arguments: [1, 16_500])
    func groupNorm(tokens: Int) throws {
        let shape = TensorShape(batch: 2, tokens: tokens, channels: 12)
        let norm = try parameters(12)
        let input = try OperationTensor.make(shape, .float32, gap: 2, seed: 2)
        var expected = [Double](repeating: 0, count: shape.elementCount)
        for item in 0..<2 {
            for group in 0..<3 {
                let places = (0..<tokens).flatMap { token in
                    (0..<4).map { (item * tokens + token, group * 4 + $0) }
                }
                let values = places.map { Double(OperationTensor.value(input, $0, $1)) }
                let results = normalized(values, epsilon: 1e-6) { index, value in
                    let channel = places[index].1
                    let scaled = Double(norm.scale[channel]) * value + Double(norm.shift[channel])
                    return scaled / (1 + exp(-scaled))
                }
                for (place, result) in zip(places, results) {
                    expected[place.0 * 12 + place.1] = result
                }
            }
        }
        var alone: [Float] = []
        for run in OperationRun.all {
            let output = try OperationTensor.make(shape, .float32)
            try run.perform {
                $0.groupNorm(
                    norm, groupCount: 3, epsilon: 1e-6, activation: .silu, input, into: output)
            }
            let values = OperationTensor.values(output)
            #expect(OperationTensor.distance(output, expected) < 2e-6)
            if run.threadCount == 1 { alone = values }
            #expect(values == alone)
        }
    }

    @Test("activations and GEGLU", arguments: OperationRun.all)
    func activations(_ run: OperationRun) throws {
        func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }
        let functions: [(Activation, (Double) -> Double)] = [
            (.silu, { $0 / (1 + exp(-$0)) }), (.gelu, gelu),
            (.quickGELU, { $0 / (1 + exp(-1.702 * $0)) }),
        ]
        for (from, to) in Self.types {
            let input = try OperationTensor.make(
                TensorShape(height: 5, width: 3, channels: 34), from, gap: 2, seed: 3)
            let values = OperationTensor.values(input).map(Double.init)
            for (activation, function) in functions {
                let output = try OperationTensor.make(input.shape, to)
                try run.perform { $0.activate(activation, input, into: output) }
                #expect(OperationTensor.distance(output, values.map(function)) < tolerance(to))
            }
            let output = try OperationTensor.make(input.shape.with(channels: 17), to, gap: 1)
            try run.perform { $0.geglu(input, into: output) }
            let expected = (0..<15).flatMap { row in
                (0..<17).map { values[row * 34 + $0] * gelu(values[row * 34 + 17 + $0]) }
            }
            #expect(OperationTensor.distance(output, expected) < tolerance(to))
        }
    }

    @Test("copy, gather, add, resize", arguments: OperationRun.all)
    func rows(_ run: OperationRun) throws {
        let shape = TensorShape(batch: 2, height: 3, width: 2, channels: 21)
        let input = try OperationTensor.make(shape, .bfloat16, gap: 5, seed: 4)
        let values = OperationTensor.values(input)

        let copied = try OperationTensor.make(shape, .float32, gap: 1)
        try run.perform { $0.copy(input, into: copied) }
        #expect(OperationTensor.values(copied) == values)

        let index: [Int32] = [11, 0, 3, 3, 7]
        let gathered = try OperationTensor.make(TensorShape(tokens: 5, channels: 21), .bfloat16)
        _ = try index.withUnsafeBufferPointer { index in
            try run.perform { $0.gather(input, index: index, into: gathered) }
        }
        let picked = index.flatMap { values[Int($0) * 21..<Int($0 + 1) * 21] }
        #expect(OperationTensor.values(gathered) == picked)

        let resized = try OperationTensor.make(shape.with(height: 6, width: 5), .float32)
        try run.perform { $0.resizeNearest(input, into: resized) }
        for row in 0..<resized.shape.rowCount {
            let (item, y, x) = (row / 30, row % 30 / 5, row % 5)
            let source = item * 6 + y / 2 * 2 + x * 2 / 5
            #expect(
                (0..<21).allSatisfy {
                    OperationTensor.value(resized, row, $0) == values[source * 21 + $0]
                })
        }

        let sum = try OperationTensor.make(shape, .float32, seed: 9)
        let before = OperationTensor.values(sum)
        let addend = copied
        try run.perform { $0.add(addend, into: sum) }
        let expected = zip(before, values).map { $0 + $1 }
        #expect(OperationTensor.values(sum) == expected)
    }

    /// Tensors of a dry run have no memory: touching them would end the program.
    @Test("a dry run touches nothing", arguments: OperationRun.all)
    func dryRun(_ run: OperationRun) throws {
        let norm = try parameters(64)
        let index = [Int32](repeating: 0, count: 64)
        _ = try index.withUnsafeBufferPointer { index in
            try run.perform { lane in
                lane.workspace.scope {
                    let shape = TensorShape(batch: 1, height: 8, width: 8, channels: 64)
                    let first = lane.workspace.tensor(shape, .float32)
                    let second = lane.workspace.tensor(shape, .float32)
                    let half = lane.workspace.tensor(shape.with(channels: 32), .float32)
                    lane.groupNorm(norm, groupCount: 32, epsilon: 1e-5, first, into: second)
                    lane.layerNorm(norm, epsilon: 1e-5, first, into: second)
                    lane.activate(.gelu, first, into: second)
                    lane.geglu(first, into: half)
                    lane.copy(first, into: second)
                    lane.gather(first, index: index, into: second)
                    lane.add(first, into: second)
                    lane.resizeNearest(first, into: second)
                    lane.attention(
                        queries: first, keys: first, values: first, headCount: 4, scale: 1,
                        into: second)
                }
            }
        }
    }
}
