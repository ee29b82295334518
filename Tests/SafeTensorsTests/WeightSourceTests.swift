// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TestSupport
import Testing

/// What is made of a file's tensors while they are read.
@Suite struct WeightSourceTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func file(_ fill: (inout SafeTensorsWriter) -> Void) throws -> SafeTensorsFile {
        var writer = SafeTensorsWriter()
        fill(&writer)
        let path = directory.file("x.safetensors")
        try writer.write(to: path)
        return try SafeTensorsFile(path: path)
    }

    private func part(_ source: any WeightSource, _ range: Range<Int>) throws -> [Float] {
        var values = [Float](repeating: 0, count: range.count)
        try values.withUnsafeMutableBufferPointer {
            try source.read(from: range.lowerBound, into: $0)
        }
        return values
    }

    @Test func rowsOfATensor() throws {
        let values = (0..<24).map(Float.init)
        let whole = try file { $0.add("w", shape: [6, 2, 2], values: values) }.tensor("w")
        let rows = TensorRows(2..<5, of: whole)
        #expect(rows.shape == [3, 2, 2] && rows.elementCount == 12 && rows.name == "w")
        #expect(try rows.floats() == Array(values[8..<20]))
        #expect(try part(rows, 3..<6) == [11, 12, 13])
        let nested = TensorRows(1..<2, of: rows)
        #expect(try nested.floats() == [12, 13, 14, 15])
        let vector = try file { $0.add("b", shape: [6], values: Array(values[..<6])) }.tensor("b")
        #expect(try TensorRows(4..<6, of: vector).floats() == [4, 5])
    }

    @Test func tablesWithFurtherRows() throws {
        let file = try file {
            $0.add("w", shape: [2, 3], values: [0, 1, 2, 3, 4, 5])
            $0.add("row", shape: [3], values: [6, 7, 8])
            $0.add("rows", shape: [2, 3], values: [9, 10, 11, 12, 13, 14])
        }
        let joined = JoinedRows(
            try file.tensor("w"), [try file.tensor("row"), try file.tensor("rows")])
        #expect(joined.shape == [5, 3] && joined.name == "w")
        #expect(try joined.floats() == (0..<15).map(Float.init))
        #expect(try part(joined, 6..<9) == [6, 7, 8])
        #expect(try part(joined, 4..<11) == [4, 5, 6, 7, 8, 9, 10])
        #expect(try part(joined, 12..<15) == [12, 13, 14])
    }

    @Test func scalesOfTheWholeAndOfRows() throws {
        let values = (0..<6).map(Float.init)
        let file = try file {
            $0.add("w", shape: [3, 2], values: values)
            $0.add("one", shape: [], values: [2])
            $0.add("rows", shape: [3, 1], values: [1, 10, 100])
            $0.add("other", shape: [2], values: [1, 2])
        }
        let weight = try file.tensor("w")
        let whole = try #require(ScaledTensor(weight, scale: file.tensor("one")))
        #expect(try whole.floats() == [0, 2, 4, 6, 8, 10])
        let rows = try #require(ScaledTensor(weight, scale: file.tensor("rows")))
        #expect(try rows.floats() == [0, 1, 20, 30, 400, 500])
        #expect(try part(rows, 1..<5) == [1, 20, 30, 400])
        #expect(try TensorRows(1..<3, of: rows).floats() == [20, 30, 400, 500])
        let other = try file.tensor("other")
        #expect(ScaledTensor(weight, scale: other) == nil)
    }

    /// Every byte of both kinds, by their definitions: sign, exponent, fraction.
    @Test(arguments: [ScalarType.float8e4m3, .float8e5m2])
    func eightBitFloats(_ type: ScalarType) throws {
        let bytes = (0..<256).map { UInt8($0) }
        let file = try file { writer in
            bytes.withUnsafeBytes { writer.add("w", type, shape: [256], bytes: $0) }
        }
        let found = try file.tensor("w").floats()
        let (fractionBits, bias) = type == .float8e4m3 ? (3, 7) : (2, 15)
        let exponentMax = 127 >> fractionBits
        for (index, value) in found.enumerated() {
            let (exponent, fraction) = (
                index >> fractionBits & exponentMax, index & (1 << fractionBits - 1)
            )
            let isNaN =
                type == .float8e4m3 ? index & 127 == 127 : exponent == exponentMax && fraction > 0
            if isNaN {
                #expect(value.isNaN, "\(index)")
                continue
            }
            var expected =
                Float(exponent == 0 ? fraction : fraction + (1 << fractionBits))
                * Float(
                    sign: .plus, exponent: max(exponent, 1) - bias - fractionBits, significand: 1)
            if type == .float8e5m2, exponent == exponentMax { expected = .infinity }
            #expect(value == (index < 128 ? expected : -expected), "\(index)")
        }
        let largest = found.filter { $0.isFinite }.max()
        #expect(largest == (type == .float8e4m3 ? 448 : 57344))
    }

    @Test func doubles() throws {
        let values = [1.5, -2, 1e-300, 0.1]
        let file = try file { writer in
            values.withUnsafeBytes { writer.add("w", .float64, shape: [4], bytes: $0) }
        }
        #expect(try file.tensor("w").floats() == [1.5, -2, 0, 0.1])
    }
}
