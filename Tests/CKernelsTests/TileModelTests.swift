// SPDX-License-Identifier: Apache-2.0

import CKernels
import CTileModel
import TestSupport
import Testing

/// The model of AMX's tiles does what Intel's manual says, and notes what would fault.
@Suite("Model of AMX's tiles")
struct TileModelTests {
    /// A configuration: bytes of a row and rows of each tile.
    private static func configuration(
        _ tiles: [(rowBytes: Int, rows: Int)], palette: UInt8 = 1
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes[0] = palette
        for (index, tile) in tiles.enumerated() {
            bytes[16 + 2 * index] = UInt8(tile.rowBytes & 255)
            bytes[17 + 2 * index] = UInt8(tile.rowBytes >> 8)
            bytes[48 + index] = UInt8(tile.rows)
        }
        return bytes
    }

    /// What went wrong in `body`; `nil` if nothing did.
    private static func problem(_ body: () -> Void) -> String? {
        rt_tile_model_release()
        _ = rt_tile_model_problem()
        body()
        defer { rt_tile_model_release() }
        return rt_tile_model_problem().map { String(cString: $0) }
    }

    private static func configure(_ tiles: [(rowBytes: Int, rows: Int)]) {
        rt_tile_model_configure(configuration(tiles))
    }

    /// A tile from words.
    private static func load(_ tile: Int32, _ words: [UInt32], rowWords: Int) {
        words.withUnsafeBytes {
            rt_tile_model_load(tile, $0.baseAddress!, Int64(rowWords * 4))
        }
    }

    private static func stored(_ tile: Int32, count: Int, rowWords: Int) -> [Float] {
        var words = [Float](repeating: 7, count: count)
        words.withUnsafeMutableBytes {
            rt_tile_model_store(tile, $0.baseAddress!, Int64(rowWords * 4))
        }
        return words
    }

    private static func pair(_ low: Float, _ high: Float) -> UInt32 {
        high.bitPattern & 0xffff_0000 | low.bitPattern >> 16
    }

    /// One row times one column: `steps` pairs of either factor, added to `old`.
    private static func dot(_ left: [UInt32], _ right: [UInt32], old: Float) -> Float {
        var result = Float.nan
        let problem = Self.problem {
            configure([(4, 1), (4 * left.count, 1), (4, right.count)])
            load(0, [old.bitPattern], rowWords: 1)
            load(1, left, rowWords: left.count)
            load(2, right, rowWords: 1)
            rt_tile_model_dot_bf16(0, 1, 2)
            result = stored(0, count: 1, rowWords: 1)[0]
        }
        #expect(problem == nil)
        return result
    }

    @Test("random tiles of any size", arguments: [(16, 16, 16), (1, 1, 1), (3, 16, 5), (16, 2, 9)])
    func products(rows: Int, steps: Int, columns: Int) {
        var random = SplitMix64(seed: UInt64(rows * 400 + steps * 20 + columns))
        func pairs(_ count: Int) -> [UInt32] {
            (0..<count).map { _ in Self.pair(random.normal(), random.normal()) }
        }
        let (left, right) = (pairs(rows * steps), pairs(steps * columns))
        let old = (0..<rows * columns).map { _ in random.normal() }
        var result: [Float] = []
        let problem = Self.problem {
            Self.configure([(4 * columns, rows), (4 * steps, rows), (4 * columns, steps)])
            Self.load(0, old.map(\.bitPattern), rowWords: columns)
            Self.load(1, left, rowWords: steps)
            Self.load(2, right, rowWords: columns)
            rt_tile_model_dot_bf16(0, 1, 2)
            result = Self.stored(0, count: rows * columns, rowWords: columns)
        }
        #expect(problem == nil)
        func low(_ pair: UInt32) -> Float { Float(bitPattern: pair << 16) }
        func high(_ pair: UInt32) -> Float { Float(bitPattern: pair & 0xffff_0000) }
        for row in 0..<rows {
            for column in 0..<columns {
                var (first, second) = (Float(0), Float(0))
                for step in 0..<steps {
                    let (a, b) = (left[row * steps + step], right[step * columns + column])
                    first.addProduct(low(a), low(b))
                    second.addProduct(high(a), high(b))
                }
                let index = row * columns + column
                #expect(result[index] == old[index] + (first + second))
            }
        }
    }

    @Test("first and second values have sums of their own, and the old sum comes last")
    func order() {
        let big: Float = 0x1p30
        // From left to right, and from the old sum on, the ones would be lost.
        #expect(
            Self.dot(
                [Self.pair(big, 1), Self.pair(-big, 1)], [Self.pair(1, 1), Self.pair(1, 1)], old: 0)
                == 2)
        #expect(Self.dot([Self.pair(1, 1)], [Self.pair(big, -big)], old: 1) == 1)
    }

    @Test("subnormal factors, sums and results are zero")
    func subnormals() {
        let tiny = Float(bitPattern: 0x0040_0000)
        #expect(!tiny.isNormal && tiny > 0)
        #expect(Self.dot([Self.pair(tiny, 0)], [Self.pair(0x1p100, 0)], old: 0) == 0)
        #expect(Self.dot([Self.pair(0x1p100, 0)], [Self.pair(tiny, 0)], old: 0) == 0)
        #expect(Self.dot([Self.pair(0x1p-100, 0)], [Self.pair(0x1p-30, 0)], old: 0) == 0)
        #expect(Self.dot([Self.pair(0, 0)], [Self.pair(0, 0)], old: tiny) == 0)
        // A sum that leaves the subnormal numbers does not get there.
        let half = Self.pair(0x1p-63, 0)
        #expect(
            Self.dot([half, half], [Self.pair(0x1p-64, 0), Self.pair(0x1p-64, 0)], old: 0) == 0)
    }

    @Test("configurations that a processor refuses")
    func configurations() {
        func problem(_ bytes: [UInt8]) -> String? {
            Self.problem { rt_tile_model_configure(bytes) }
        }
        let good = Self.configuration([(64, 16), (4, 1)])
        #expect(problem(good) == nil)
        #expect(problem(Self.configuration([(64, 17)]))?.contains("16 rows") == true)
        #expect(problem(Self.configuration([(65, 16)]))?.contains("64 bytes") == true)
        #expect(problem(Self.configuration([(320, 16)]))?.contains("64 bytes") == true)
        #expect(problem(Self.configuration([(0, 16)]))?.contains("without") == true)
        #expect(problem(Self.configuration([(64, 0)]))?.contains("without") == true)
        #expect(problem(Self.configuration([(64, 16)], palette: 2))?.contains("palette") == true)
        for reserved in [2, 15, 32, 47, 56, 63] {
            var bytes = good
            bytes[reserved] = 1
            #expect(problem(bytes)?.contains("reserved") == true)
        }
    }

    @Test("operations that a processor refuses, and rows that overlap")
    func operations() {
        func problem(
            _ tiles: [(rowBytes: Int, rows: Int)], _ body: () -> Void
        ) -> String? {
            Self.problem {
                Self.configure(tiles)
                body()
            }
        }
        var memory = [UInt8](repeating: 0, count: 2048)
        #expect(Self.problem { rt_tile_model_zero(0) }?.contains("no configuration") == true)
        #expect(problem([(64, 16)]) { rt_tile_model_zero(1) }?.contains("not configured") == true)
        #expect(problem([(64, 16)]) { rt_tile_model_zero(8) }?.contains("no such") == true)
        #expect(
            problem([(64, 16)]) { rt_tile_model_load(0, memory, 60) }?.contains("stride") == true)
        #expect(
            problem([(64, 16)]) { rt_tile_model_store(0, &memory, 0) }?.contains("stride") == true)
        let dot = { rt_tile_model_dot_bf16(0, 1, 2) }
        #expect(problem([(64, 16), (64, 16), (64, 16)], dot) == nil)
        #expect(problem([(64, 16), (64, 15), (64, 16)], dot)?.contains("rows of the sums") == true)
        #expect(problem([(64, 16), (60, 16), (64, 16)], dot)?.contains("words of") == true)
        #expect(problem([(60, 16), (64, 16), (64, 16)], dot)?.contains("columns") == true)
        #expect(problem([(62, 16), (64, 16), (62, 16)], dot)?.contains("incomplete") == true)
        let twice = { rt_tile_model_dot_bf16(0, 1, 1) }
        #expect(problem([(64, 16), (64, 16)], twice)?.contains("twice") == true)
    }

    @Test("a load zeros the rest of a tile, and a configuration all of it")
    func zeros() {
        var result: [Float] = []
        let ones = [UInt32](repeating: Float(1).bitPattern, count: 256)
        let problem = Self.problem {
            Self.configure([(64, 16)])
            Self.load(0, ones, rowWords: 16)
            Self.configure([(64, 16)])
            result = Self.stored(0, count: 256, rowWords: 16)
        }
        #expect(problem == nil && result.allSatisfy { $0 == 0 })
    }
}

/// The attention kernel for AMX on the model; `AttentionTests` compares it with the definition.
@Suite("Attention on the model of AMX's tiles", .enabled(if: KernelSet.onTileModel != nil))
struct TileAttentionTests {
    /// The U-Net's levels, whole and merged, and counts around the sizes of tiles.
    static let shapes =
        [
            AttentionShape(heads: 2, width: 40, queries: 4096, keys: 4096),
            AttentionShape(heads: 1, width: 40, queries: 2049, keys: 2047),
            AttentionShape(batch: 2, heads: 2, width: 80, queries: 1024, keys: 1024),
            AttentionShape(heads: 2, width: 80, queries: 1024, keys: 513),
            AttentionShape(heads: 3, width: 160, queries: 256, keys: 256),
            AttentionShape(batch: 2, heads: 2, width: 160, queries: 64, keys: 64),
            AttentionShape(heads: 8, width: 40, queries: 67, keys: 77),
        ]
        + [1, 15, 16, 17, 31, 32, 33, 95, 96, 97, 127, 129].map {
            AttentionShape(heads: 2, width: 40, queries: 33, keys: $0)
        }

    /// Both round weights to bf16, of exponents that may differ by the rounding of a sum: of 2,000
    /// results a few differ by a rounding more.
    @Test("agrees with the kernel for AVX512-BF16", arguments: shapes, [false, true])
    func agrees(_ shape: AttentionShape, hasBias: Bool) throws {
        let model = try #require(KernelSet.onTileModel)
        func run(_ set: KernelSet) -> [Float] {
            var attention = AttentionCase(shape, RT_ELEMENT_BF16, output: RT_ELEMENT_F32)
            if hasBias { attention.bias = (0..<shape.keys).map { Float($0 % 4) * 1.5 } }
            attention.run(set)
            #expect(attention.output.hasCleanGaps)
            return attention.output.values
        }
        rt_tile_model_release()
        _ = (rt_tile_model_problem(), rt_tile_model_operation_count())
        let found = run(model)
        #expect(rt_tile_model_problem().map { String(cString: $0) } == nil)
        #expect(rt_tile_model_operation_count() > 0)
        // What is not released, the system saves at every switch of threads.
        rt_tile_model_zero(0)
        #expect(rt_tile_model_problem().map { String(cString: $0) } == "no configuration")
        let expected = run(KernelSet(isa: RT_ISA_AVX512_BF16))
        let deviation = Deviation(found, from: expected.map(Double.init))
        #expect(deviation.relative <= 1e-4)
        #expect(deviation.greatest <= 0x1p-8)
    }

    @Test("the number of shares changes no bit")
    func shares() throws {
        let kernels = try #require(KernelSet.onTileModel).kernels
        func run(_ shares: Int) -> [Float] {
            let attention = AttentionCase(
                AttentionShape(heads: 3, width: 40, queries: 200, keys: 150), RT_ELEMENT_BF16)
            attention.run(
                plan: kernels.attention_plan, pack: kernels.attention_pack,
                run: kernels.attention_run, shares: shares)
            return attention.output.values
        }
        let one = run(2)
        #expect(run(3) == one && run(12) == one)
    }
}
