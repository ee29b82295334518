// SPDX-License-Identifier: Apache-2.0

import CKernels
import Glibc
import TestSupport
import Testing

/// Shape of an attention; heads are side by side in the channels.
struct AttentionShape: Sendable {
    var batch = 1
    var heads = 1
    var width: Int
    var queries: Int
    var keys: Int
    var causal = false

    var channels: Int { heads * width }
}

/// Inputs and output of one attention.
struct AttentionCase {
    let shape: AttentionShape
    /// Q, K and V side by side if there are as many keys as queries: views of a wider tensor.
    let queries: Matrix
    let keys: Matrix
    let values: Matrix
    let output: Matrix
    let scale: Float
    /// Added to the scores of each key before they are scaled; `nil` for none.
    var bias: [Float]?

    init(
        _ shape: AttentionShape, _ element: rt_element, output: rt_element? = nil,
        magnitude: Float = 2, seed: UInt64 = 31
    ) {
        self.shape = shape
        var random = SplitMix64(seed: seed)
        func matrix(rows: Int, gap: Int, _ magnitude: Float) -> Matrix {
            Matrix(rows: rows, channels: shape.channels, gap: gap, element: element) { _, _ in
                magnitude * random.normal()
            }
        }
        queries = matrix(rows: shape.batch * shape.queries, gap: 3, magnitude)
        keys = matrix(rows: shape.batch * shape.keys, gap: 5, magnitude)
        values = matrix(rows: shape.batch * shape.keys, gap: 1, 1)
        self.output = Matrix(
            rows: shape.batch * shape.queries, channels: shape.channels, gap: 2,
            element: output ?? element)
        scale = 1 / Float(shape.width).squareRoot()
    }

    /// Runs both phases, each in two ranges, out of order.
    func run(_ set: KernelSet) {
        let kernels = set.kernels
        run(
            plan: kernels.attention_plan, pack: kernels.attention_pack, run: kernels.attention_run)
    }

    /// The same by given kernels.
    func run(
        plan: Plan, pack: Kernel, run: Kernel, shares: Int = 3
    ) {
        guard let bias else {
            return self.run(plan: plan, pack: pack, run: run, shares: shares, keyBias: nil)
        }
        bias.withUnsafeBufferPointer {
            self.run(plan: plan, pack: pack, run: run, shares: shares, keyBias: $0.baseAddress)
        }
    }

    typealias Plan = @convention(c) (UnsafePointer<rt_attention>) -> rt_attention_plan

    private func run(
        plan makePlan: Plan, pack: Kernel, run: Kernel, shares: Int,
        keyBias: UnsafePointer<Float>?
    ) {
        var arguments = rt_attention(
            queries: queries.source, keys: keys.source, values: values.source,
            output: output.target, batch: Int64(shape.batch), head_count: Int64(shape.heads),
            head_dimension: Int64(shape.width), query_count: Int64(shape.queries),
            key_count: Int64(shape.keys), scale: scale, key_bias: keyBias,
            is_causal: shape.causal ? 1 : 0,
            packed: output.target.data, share_count: Int64(shares), scratch: output.target.data)
        let plan = makePlan(&arguments)
        let packed = GuardedMemory(plan.packed_byte_count)
        let scratch = GuardedMemory(Int64(shares) * plan.scratch_byte_count)
        arguments.packed = packed.base
        arguments.scratch = scratch.base
        let packCut = plan.pack_unit_count / 3
        pack(&arguments, packCut, plan.pack_unit_count)
        pack(&arguments, 0, packCut)
        run(&arguments, 1, Int64(shares))
        run(&arguments, 0, 1)
        precondition(
            packed.isClean && scratch.isClean, "wrote past the memory that the plan requested")
    }

    /// Softmax over all scores, in f64.
    func exact() -> [Double] {
        (0..<shape.batch * shape.queries).flatMap { row in
            (0..<shape.heads).flatMap { exactRow(row, head: $0) }
        }
    }

    private func exactRow(_ row: Int, head: Int) -> [Double] {
        let item = row / shape.queries
        let query = row % shape.queries
        let seen = shape.causal ? min(query + 1, shape.keys) : shape.keys
        let channels = head * shape.width..<(head + 1) * shape.width
        let scores = (0..<seen).map { key in
            channels.reduce(Double(bias?[key] ?? 0)) {
                $0 + Double(queries[row, $1]) * Double(keys[item * shape.keys + key, $1])
            } * Double(scale)
        }
        let greatest = scores.max() ?? 0
        let weights = scores.map { exp($0 - greatest) }
        let sum = weights.reduce(0, +)
        return channels.map { channel in
            weights.indices.reduce(0.0) {
                $0 + weights[$1] * Double(values[item * shape.keys + $1, channel])
            } / sum
        }
    }
}

@Suite("Attention")
struct AttentionTests {
    /// Those of this machine and, wherever they run, those for AMX on the model of its tiles.
    static let sets = KernelSet.available + [KernelSet.onTileModel].compactMap { $0 }

    /// Head dimensions of Stable Diffusion and odd ones, with counts around the sizes of blocks.
    static let shapes = [
        AttentionShape(width: 1, queries: 1, keys: 1),
        AttentionShape(width: 3, queries: 17, keys: 1),
        AttentionShape(heads: 3, width: 7, queries: 33, keys: 5),
        AttentionShape(batch: 2, heads: 2, width: 40, queries: 65, keys: 77),
        AttentionShape(heads: 2, width: 40, queries: 100, keys: 193),
        AttentionShape(heads: 2, width: 64, queries: 63, keys: 96),
        AttentionShape(batch: 3, heads: 1, width: 64, queries: 64, keys: 97),
        AttentionShape(heads: 2, width: 80, queries: 31, keys: 191),
        AttentionShape(heads: 1, width: 160, queries: 16, keys: 128),
        AttentionShape(heads: 1, width: 512, queries: 70, keys: 130),
        AttentionShape(heads: 1, width: 333, queries: 15, keys: 260),
        // Too many keys for the cache: the order of blocks differs.
        AttentionShape(batch: 2, heads: 2, width: 160, queries: 70, keys: 420),
        AttentionShape(heads: 4, width: 32, queries: 49, keys: 49),
        AttentionShape(heads: 2, width: 64, queries: 77, keys: 77, causal: true),
        AttentionShape(batch: 2, heads: 3, width: 5, queries: 130, keys: 130, causal: true),
        AttentionShape(heads: 1, width: 32, queries: 200, keys: 200, causal: true),
        AttentionShape(heads: 1, width: 16, queries: 150, keys: 20, causal: true),
        AttentionShape(heads: 1, width: 16, queries: 20, keys: 150, causal: true),
    ]

    @Test("f32 inputs", arguments: sets, shapes)
    func float32(_ set: KernelSet, shape: AttentionShape) {
        let attention = AttentionCase(shape, RT_ELEMENT_F32)
        attention.run(set)
        let deviation = Deviation(attention.output.values, from: attention.exact())
        #expect(deviation.relative <= 3e-6)
        #expect(deviation.greatest <= 2e-5)
        #expect(attention.output.hasCleanGaps)
    }

    @Test("bf16 inputs, either output", arguments: sets, shapes)
    func bfloat16(_ set: KernelSet, shape: AttentionShape) {
        for output in RowTests.elements {
            let attention = AttentionCase(shape, RT_ELEMENT_BF16, output: output)
            attention.run(set)
            let deviation = Deviation(attention.output.values, from: attention.exact())
            // Weights in bf16 have a relative error of up to 2^-9, 2^-10.8 in the mean; so has a
            // result in bf16.
            let rounds = set.multipliesBFloat16 || output == RT_ELEMENT_BF16
            #expect(deviation.relative <= (rounds ? 0x1p-8 : 3e-6))
            #expect(deviation.greatest <= (rounds ? 0x1p-5 : 2e-5))
            #expect(attention.output.hasCleanGaps)
        }
    }

    @Test(
        "scores in the thousands", arguments: sets,
        [
            AttentionShape(heads: 2, width: 40, queries: 65, keys: 300),
            AttentionShape(heads: 1, width: 64, queries: 77, keys: 77, causal: true),
        ])
    func hugeScores(_ set: KernelSet, shape: AttentionShape) {
        let attention = AttentionCase(shape, RT_ELEMENT_F32, magnitude: 60)
        attention.run(set)
        let results = attention.output.values
        #expect(results.allSatisfy { $0.isFinite })
        // A score of 1e4 is known to 1e-3 in f32, and so are weights that are not all or nothing.
        #expect(Deviation(results, from: attention.exact()).relative <= 2e-3)

        let rounded = AttentionCase(shape, RT_ELEMENT_BF16, magnitude: 60)
        rounded.run(set)
        #expect(rounded.output.values.allSatisfy { $0.isFinite })
        #expect(Deviation(rounded.output.values, from: rounded.exact()).relative <= 6e-3)
    }

    @Test("a bias per key", arguments: sets, shapes)
    func keyBias(_ set: KernelSet, shape: AttentionShape) {
        for element in RowTests.elements {
            var attention = AttentionCase(shape, element)
            attention.bias = (0..<shape.keys).map { 7 * Float($0 * 13 % 11) - 20 }
            attention.run(set)
            let deviation = Deviation(attention.output.values, from: attention.exact())
            #expect(deviation.relative <= (element == RT_ELEMENT_BF16 ? 0x1p-8 : 3e-6))
            #expect(attention.output.hasCleanGaps)
        }
    }

    /// The basis of proportional attention: a key that represents m equal keys, with + log m.
    @Test("a bias of log m counts a key m times", arguments: sets)
    func proportional(_ set: KernelSet) {
        let counts = (0..<40).map { $0 % 4 + 1 }
        let total = counts.reduce(0, +)
        var short = AttentionCase(
            AttentionShape(heads: 2, width: 40, queries: 50, keys: 40), RT_ELEMENT_F32)
        let long = AttentionCase(
            AttentionShape(heads: 2, width: 40, queries: 50, keys: total), RT_ELEMENT_F32)
        let owners = counts.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) }
        for channel in 0..<80 {
            for row in 0..<50 { short.queries[row, channel] = long.queries[row, channel] }
            for row in 0..<total {
                long.keys[row, channel] = short.keys[owners[row], channel]
                long.values[row, channel] = short.values[owners[row], channel]
            }
        }
        short.bias = counts.map { log(Float($0)) / short.scale }
        short.run(set)
        long.run(set)
        let deviation = Deviation(short.output.values, from: long.output.values.map(Double.init))
        #expect(deviation.relative <= 3e-6)
    }

    @Test("equal scores give the mean of the values", arguments: sets)
    func uniform(_ set: KernelSet) {
        let attention = AttentionCase(
            AttentionShape(width: 24, queries: 9, keys: 211), RT_ELEMENT_F32, magnitude: 0)
        attention.run(set)
        #expect(Deviation(attention.output.values, from: attention.exact()).relative <= 1e-5)
    }

    @Test("the grouping of units changes no bit", arguments: sets)
    func grouping(_ set: KernelSet) {
        let shape = AttentionShape(heads: 2, width: 40, queries: 256, keys: 77)
        let element = RT_ELEMENT_BF16
        let first = AttentionCase(shape, element)
        first.run(set)
        // The same rows as two halves of a batch.
        let half = AttentionShape(batch: 2, heads: 2, width: 40, queries: 128, keys: 77)
        let second = AttentionCase(half, element)
        for channel in 0..<shape.channels {
            for row in 0..<256 { second.queries[row, channel] = first.queries[row, channel] }
            for row in 0..<154 {
                second.keys[row, channel] = first.keys[row % 77, channel]
                second.values[row, channel] = first.values[row % 77, channel]
            }
        }
        second.run(set)
        #expect(first.output.values == second.output.values)
    }

    @Test("NaN reaches only the rows it affects", arguments: sets, RowTests.elements)
    func notANumber(_ set: KernelSet, element: rt_element) {
        let shape = AttentionShape(heads: 2, width: 8, queries: 70, keys: 150)
        let query = AttentionCase(shape, element)
        query.queries[66, 3] = .nan
        query.run(set)
        #expect((0..<8).allSatisfy { query.output[66, $0].isNaN })
        #expect((8..<16).allSatisfy { query.output[66, $0].isFinite })
        #expect((0..<16).allSatisfy { query.output[65, $0].isFinite })

        for key in [0, 100, 149] {
            let keys = AttentionCase(shape, element)
            keys.keys[key, 15] = .nan
            keys.run(set)
            #expect((0..<70).allSatisfy { keys.output[$0, 8].isNaN && keys.output[$0, 15].isNaN })
            #expect((0..<70).allSatisfy { keys.output[$0, 7].isFinite })
        }

        let values = AttentionCase(shape, element)
        values.values[149, 9] = .nan
        values.run(set)
        #expect((0..<70).allSatisfy { values.output[$0, 9].isNaN })
        #expect((0..<70).allSatisfy { values.output[$0, 10].isFinite })
    }

    @Test("a causal row does not see a later NaN", arguments: sets)
    func causalNaN(_ set: KernelSet) {
        for element in RowTests.elements {
            let attention = AttentionCase(
                AttentionShape(width: 16, queries: 77, keys: 77, causal: true), element)
            attention.keys[50, 2] = .nan
            attention.run(set)
            #expect((0..<50).allSatisfy { attention.output[$0, 0].isFinite })
            #expect((50..<77).allSatisfy { attention.output[$0, 0].isNaN })
        }
    }
}
