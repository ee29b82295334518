// SPDX-License-Identifier: Apache-2.0

/// Appends little-endian fields to a byte array.
struct ByteWriter {
    /// The bytes written so far.
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 64) {
        bytes.reserveCapacity(capacity)
    }

    mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func write(_ value: Float) { write(value.bitPattern) }

    mutating func write(_ value: Double) { write(value.bitPattern) }

    mutating func write(_ values: some Collection<UInt8>) { bytes.append(contentsOf: values) }

    /// A text of at most `max` bytes, preceded by its 2-byte length.
    ///
    /// A longer text is truncated at a character boundary: names and reasons are for people.
    mutating func writeShortText(_ text: String, max: Int) {
        var kept = text
        while kept.utf8.count > max { kept.removeLast() }
        write(UInt16(kept.utf8.count))
        write(kept.utf8)
    }

    /// A text preceded by its 4-byte length; never truncated.
    mutating func writeText(_ text: String) {
        write(UInt32(text.utf8.count))
        write(text.utf8)
    }

    mutating func writeZeros(_ count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }
}
