// SPDX-License-Identifier: Apache-2.0

/// Reads JSON as RFC 8259 has it, in one pass: a mebibyte of the smallest values takes milliseconds.
///
/// It refuses what others read in different ways: a name that stands twice, halves of surrogate
/// pairs, bytes that are no UTF-8, numbers beyond what a double holds.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var position = 0
    private var valueCount = 0

    /// Reads one value.
    static func parse(
        _ bytes: ArraySlice<UInt8>, limits: JSONLimits
    ) throws(JSONFault) -> JSONValue {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSONValue, JSONFault> in
            var parser = JSONParser(bytes: buffer, limits: limits)
            do throws(JSONFault) {
                return .success(try parser.document())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    private mutating func document() throws(JSONFault) -> JSONValue {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        let value = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw fault("something follows the value") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONFault) -> JSONValue {
        valueCount += 1
        guard valueCount <= limits.valueCount else {
            throw JSONFault(text: "it has more than \(limits.valueCount) values")
        }
        skipBlanks()
        guard let byte = current else { throw fault("it ends too early") }
        switch byte {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < limits.depth else {
                throw JSONFault(text: "it is nested more than \(limits.depth) deep")
            }
            return byte == UInt8(ascii: "{")
                ? .object(try object(depth: depth + 1)) : .array(try array(depth: depth + 1))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw fault("a value was expected")
        }
    }

    private mutating func object(depth: Int) throws(JSONFault) -> [String: JSONValue] {
        position += 1
        var object: [String: JSONValue] = [:]
        if takes(UInt8(ascii: "}")) { return object }
        while true {
            skipBlanks()
            let start = position
            guard current == UInt8(ascii: "\"") else { throw fault("a name was expected") }
            let name = try string()
            guard takes(UInt8(ascii: ":")) else { throw fault("a colon was expected") }
            let value = try value(depth: depth)
            guard object.updateValue(value, forKey: name) == nil else {
                throw JSONFault(
                    text: "\(JSONText.quoted(String(name.prefix(40)))) stands twice",
                    offset: start)
            }
            if takes(UInt8(ascii: ",")) { continue }
            guard takes(UInt8(ascii: "}")) else { throw fault("a comma was expected") }
            return object
        }
    }

    private mutating func array(depth: Int) throws(JSONFault) -> [JSONValue] {
        position += 1
        var array: [JSONValue] = []
        if takes(UInt8(ascii: "]")) { return array }
        while true {
            array.append(try value(depth: depth))
            if takes(UInt8(ascii: ",")) { continue }
            guard takes(UInt8(ascii: "]")) else { throw fault("a comma was expected") }
            return array
        }
    }

    private mutating func literal(
        _ word: StaticString, _ value: JSONValue
    ) throws(JSONFault) -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        let letters = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard end <= bytes.count, bytes[position..<end].elementsEqual(letters) else {
            throw fault("a value was expected")
        }
        position = end
        return value
    }

    // MARK: Texts

    private mutating func string() throws(JSONFault) -> String {
        position += 1
        let start = position
        var isASCII = true
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw fault("a text holds a control character") }
            if byte >= 0x80 { isASCII = false }
            position += 1
        }
        guard current != nil else { throw fault("a text does not end") }
        defer { position += 1 }
        return try text(bytes[start..<position], isASCII: isASCII)
    }

    /// The rest of a text from its first escape on.
    private mutating func escapedString(from start: Int) throws(JSONFault) -> String {
        var content = Array(bytes[start..<position])
        while let byte = current, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw fault("a text holds a control character") }
            position += 1
            if byte == UInt8(ascii: "\\") {
                try appendEscape(to: &content)
            } else {
                content.append(byte)
            }
        }
        guard current != nil else { throw fault("a text does not end") }
        position += 1
        return try content.withUnsafeBufferPointer { buffer throws(JSONFault) in
            try text(buffer[...], isASCII: false)
        }
    }

    private func text(
        _ content: Slice<UnsafeBufferPointer<UInt8>>, isASCII: Bool
    ) throws(JSONFault) -> String {
        if isASCII { return String(decoding: content, as: UTF8.self) }
        guard let text = String(validating: content, as: UTF8.self) else {
            throw fault("a text is not UTF-8")
        }
        return text
    }

    private mutating func appendEscape(to content: inout [UInt8]) throws(JSONFault) {
        guard let letter = current else { throw fault("a text does not end") }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(letter)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content += Array(String(try escapedScalar()).utf8)
        default:
            position -= 1
            throw fault("there is no such escape")
        }
    }

    /// What `\u` stands for; beyond the first 65,536 characters there are two of them.
    private mutating func escapedScalar() throws(JSONFault) -> Unicode.Scalar {
        let start = position - 2
        let half = JSONFault(
            text: "a \\u escape is half of a character (a lone surrogate)", offset: start)
        let first = try hexadecimalUnit()
        guard UTF16.isLeadSurrogate(first) else {
            guard let scalar = Unicode.Scalar(first) else { throw half }
            return scalar
        }
        guard current == UInt8(ascii: "\\"), position + 1 < bytes.count,
            bytes[position + 1] == UInt8(ascii: "u")
        else { throw half }
        position += 2
        let second = try hexadecimalUnit()
        guard UTF16.isTrailSurrogate(second) else { throw half }
        let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        guard let scalar = Unicode.Scalar(value) else { throw half }
        return scalar
    }

    private mutating func hexadecimalUnit() throws(JSONFault) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue
            else { throw fault("a \\u escape has four hexadecimal digits") }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    // MARK: Numbers

    private mutating func number() throws(JSONFault) -> JSONValue {
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") { position += 1 } else { try skipDigits() }
        var isWhole = true
        if current == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try skipDigits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole {
            if let value = Int64(text) { return .integer(value) }
            if let value = UInt64(text) { return .unsigned(value) }
        }
        guard let value = Double(text), value.isFinite else {
            throw JSONFault(text: "a number is out of range", offset: start)
        }
        // 20.0 steps are 20.
        if let whole = Int64(exactly: value) { return .integer(whole) }
        if let whole = UInt64(exactly: value) { return .unsigned(whole) }
        return .number(value)
    }

    private mutating func skipDigits() throws(JSONFault) {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= byte { position += 1 }
        guard position > start else { throw fault("a digit was expected") }
    }

    // MARK: Places

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    /// Whether a byte follows, after blanks; then it is passed.
    private mutating func takes(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard current == byte else { return false }
        position += 1
        return true
    }

    private func fault(_ text: String) -> JSONFault { JSONFault(text: text, offset: position) }
}
