// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// JSON as this program writes it: stable, and readable by people and by line tools.
///
/// Hidden characters (`Unicode.Scalar.isHidden`) are spelled by number, so that a terminal may show
/// any of it; readers get them back as they were.
package enum JSONText {
    /// One value as one line, keys sorted.
    package static func line(_ value: some Encodable) throws -> String {
        visible(try encoder(pretty: false).encode(value))
    }

    /// One value as a file, indented, keys sorted, with a newline at its end.
    package static func file(_ value: some Encodable) throws -> [UInt8] {
        Array(visible(try encoder(pretty: true).encode(value)).utf8) + [UInt8(ascii: "\n")]
    }

    /// Reads a value that `line` or `file` wrote.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: some Sequence<UInt8>
    ) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: Data(bytes))
    }

    /// A string as JSON spells it, characters beyond ASCII as they are unless they are hidden.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.isHidden: result += escape(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// JSON of an encoder that spells only C0 by number.
    private static func visible(_ json: Data) -> String {
        let text = String(decoding: json, as: UTF8.self)
        // What is below is white space between values; what is above stands in strings only.
        guard text.utf8.contains(where: { $0 > 0x7E }) else { return text }
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            if scalar.value > 0x7E, scalar.isHidden {
                result += escape(scalar)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Beyond the first 65,536 characters in two halves, as UTF-16 has them.
    private static func escape(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }

    private static func encoder(pretty: Bool) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        encoder.dateEncodingStrategy = .iso8601
        // A rate over no time at all must not cost the report.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return encoder
    }
}
