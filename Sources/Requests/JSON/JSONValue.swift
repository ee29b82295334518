// SPDX-License-Identifier: Apache-2.0

/// Any JSON value, for objects whose keys are not known beforehand.
package enum JSONValue: Codable, Equatable, Sendable {
    case null
    case bool(Bool)
    /// Whole numbers keep all their digits: seeds reach 2⁶⁴ − 1.
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// - Throws: `DecodingError`, and what the parser throws of texts and numbers that JSON can
    ///   spell and Swift can't hold (lone surrogates, 1e999).
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try Self.value(String.self, in: container) {
            // First: long lists are made of texts.
            self = .string(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .unsigned(value)
        } else if let value = try Self.value(Double.self, in: container) {
            self = .number(value)
        } else if let value = try Self.value([JSONValue].self, in: container) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// `nil` where the value is of another type; any other mistake is the value's own.
    private static func value<Value: Decodable>(
        _ type: Value.Type, in container: any SingleValueDecodingContainer
    ) throws -> Value? {
        do {
            return try container.decode(type)
        } catch DecodingError.typeMismatch {
            return nil
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .unsigned(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The value as the text that an option on a line would have had; `nil` for composites.
    package var scalarText: String? {
        switch self {
        case .integer(let value): String(value)
        case .unsigned(let value): String(value)
        case .number(let value): String(value)
        case .string(let value): value
        case .null, .bool, .array, .object: nil
        }
    }

    /// Whether the value stands for "nothing": null, false, 0, −1, "", [] or {}.
    package var isNeutral: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .integer(let value): value == 0 || value == -1
        case .unsigned: false
        case .number(let value): value == 0 || value == -1
        case .string(let value): ["", "0", "-1", "none", "false"].contains(value.lowercased())
        case .array(let value): value.isEmpty
        case .object(let value): value.isEmpty
        }
    }
}
