// SPDX-License-Identifier: Apache-2.0

/// Reads little-endian fields from a payload; every read first checks the remaining length.
struct ByteReader {
    let type: MessageType
    /// The lease that the message is about, once it has been read.
    var lease: Lease?
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8], of type: MessageType, lease: Lease? = nil) {
        self.bytes = bytes
        self.type = type
        self.lease = lease
    }

    /// Bytes not read yet.
    var remainingCount: Int { bytes.count - position }

    mutating func read<Value: FixedWidthInteger>(
        _: Value.Type, _ field: String
    ) throws(WireError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remainingCount >= size else { throw .truncated(type, field: field) }
        let start = position
        position += size
        return bytes.withUnsafeBytes {
            Value(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Value.self))
        }
    }

    /// An integer that must be in a range.
    mutating func read<Value: FixedWidthInteger>(
        _: Value.Type, _ field: String, in range: ClosedRange<Int>
    ) throws(WireError) -> Int {
        let value = try read(Value.self, field)
        guard let number = Int(exactly: value), range.contains(number) else {
            throw .fieldOutOfRange(type, field: field, value: "\(value)")
        }
        return number
    }

    mutating func readFloat(_ field: String) throws(WireError) -> Float {
        Float(bitPattern: try read(UInt32.self, field))
    }

    /// A duration in seconds: not negative, and within the limit.
    mutating func readSeconds(_ field: String) throws(WireError) -> Double {
        let value = Double(bitPattern: try read(UInt64.self, field))
        guard value >= 0, value <= WireLimits.secondsMax else {
            throw .fieldOutOfRange(type, field: field, value: "\(value)")
        }
        return value
    }

    mutating func readBytes(_ count: Int, _ field: String) throws(WireError) -> [UInt8] {
        guard count >= 0, remainingCount >= count else { throw .truncated(type, field: field) }
        defer { position += count }
        return Array(bytes[position..<(position + count)])
    }

    mutating func readZeros(_ count: Int, _ field: String) throws(WireError) {
        guard try readBytes(count, field).allSatisfy({ $0 == 0 }) else {
            throw .reservedFieldNotZero(field)
        }
    }

    mutating func readShortText(_ field: String, max: Int) throws(WireError) -> String {
        let count = try read(UInt16.self, field, in: 0...max)
        return try readUTF8(count, field)
    }

    mutating func readText(_ field: String, max: Int) throws(WireError) -> String {
        let count = try read(UInt32.self, field, in: 0...max)
        return try readUTF8(count, field)
    }

    /// Ends the message.
    ///
    /// A newer minor version may have appended fields; this build skips them only if no picture
    /// depends on them.
    func finish(senderMinor: UInt8) throws(WireError) {
        guard remainingCount > 0 else { return }
        guard senderMinor > ProtocolVersion.current.minor else {
            throw .trailingBytes(type, byteCount: remainingCount)
        }
        if type.decidesPicture { throw unknown("field at byte", "\(position)") }
    }

    /// The error for a value to which a newer build may have assigned a meaning.
    ///
    /// Before the lease has been read there is no image to fail, and the value counts as damage.
    func unknown(_ field: String, _ value: String) -> WireError {
        guard let lease else { return .fieldOutOfRange(type, field: field, value: value) }
        return .notUnderstood(type, lease, field: field, value: value)
    }

    private mutating func readUTF8(_ count: Int, _ field: String) throws(WireError) -> String {
        let raw = try readBytes(count, field)
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw .notUTF8(type, field: field)
        }
        return text
    }
}
