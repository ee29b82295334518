// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Testing

@Suite struct SavedStateTests {
    private static func written() -> [UInt8] {
        var writer = WordWriter()
        writer.write(7)
        writer.write(UInt64.max - 1)
        writer.write([Float.nan, -0.0, 1.5])
        writer.write([UInt32(3), 4])
        return writer.finish()
    }

    @Test func everythingSurvivesTheRoundTrip() throws {
        var reader = try WordReader(Self.written())
        #expect(try reader.read(in: 0...7) == 7)
        #expect(try reader.readWide() == UInt64.max - 1)
        let values = try reader.readFloats(3)
        #expect(values[0].isNaN && values[1].sign == .minus && values[2] == 1.5)
        #expect(throws: SavedStateError.damaged) { try reader.finish() }
        #expect(try Array(reader.read(2)) == [3, 4])
        try reader.finish()
        #expect(throws: SavedStateError.damaged) { try reader.read() }
    }

    @Test func everyDamagedBitAndEveryOtherLengthIsNoticed() {
        let bytes = Self.written()
        for bit in 0..<8 * bytes.count {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: SavedStateError.damaged) { try WordReader(damaged) }
        }
        for count in 0..<bytes.count {
            #expect(throws: SavedStateError.damaged) { try WordReader(Array(bytes[..<count])) }
        }
        #expect(throws: SavedStateError.damaged) { try WordReader(bytes + [0, 0, 0, 0]) }
    }

    @Test func countsOutOfRangeAreRefused() throws {
        for count in [-1, 9, Int.max] {
            var reader = try WordReader(Self.written())
            #expect(throws: SavedStateError.damaged) { try reader.read(count) }
        }
        var reader = try WordReader(Self.written())
        #expect(throws: SavedStateError.damaged) { try reader.read(in: 0...6) }
    }
}
