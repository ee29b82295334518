// SPDX-License-Identifier: Apache-2.0

// Decoding with the default beside the property: a configuration starts as its defaults, then the
// keys that the file has replace them.

extension KeyedDecodingContainer {
    /// Replaces a value; an absent key and `null` leave the default.
    func update<Value: Decodable>(_ value: inout Value, _ key: Key) throws {
        if let found = try naming(key, { try decodeIfPresent(Value.self, forKey: key) }) {
            value = found
        }
    }

    /// Replaces a value that may be `null`; only an absent key leaves the default.
    func updateOptional<Value: Decodable>(_ value: inout Value?, _ key: Key) throws {
        if contains(key) {
            value = try naming(key) { try decodeIfPresent(Value.self, forKey: key) }
        }
    }

    /// Names the key where Foundation does not: a number beyond the type's range is an error of the
    /// parser inside, which the decoder would report as a file that is not JSON.
    private func naming<Value>(_ key: Key, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DecodingError {
            throw error
        } catch {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: codingPath + [key], debugDescription: "it is out of range",
                    underlyingError: error))
        }
    }
}

/// One value for all blocks, or a list with one for each.
package enum PerBlock<Value: Decodable & Sendable & Equatable>: Decodable, Sendable, Equatable {
    case all(Value)
    case each([Value])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // The list first: a list of lists is a list for each block, not one list for all.
        if let list = try? container.decode([Value].self) {
            self = .each(list)
        } else {
            self = .all(try container.decode(Value.self))
        }
    }

    /// One value per block.
    func resolved(count: Int, key: String) throws(ConfigurationProblem) -> [Value] {
        // One above: an up block has a layer more than its down block.
        try ConfigurationLimits.check(
            count, 1...ConfigurationLimits.layers.upperBound + 1, key: key)
        switch self {
        case .all(let value): return Array(repeating: value, count: count)
        case .each(let values):
            guard values.count == count else {
                throw .invalid(
                    key: key, value: "a list of \(values.count)",
                    reason: "there are \(count) entries to give one to")
            }
            return values
        }
    }
}

/// A JSON value of an option that only has one supported meaning.
enum OptionValue: Decodable, Equatable, CustomStringConvertible {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else {
            self = .other
        }
    }

    var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
        case .text(let value): "\"\(value)\""
        case .other: "a list or an object"
        }
    }
}

/// Options that change a network and have one supported value each; an absent key is fine.
struct FixedOptions {
    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads the keys of `supported` and fails on the first with another value.
    static func check(_ supported: [(key: String, value: OptionValue)], in decoder: any Decoder)
        throws
    {
        let container = try decoder.container(keyedBy: Name.self)
        for (key, value) in supported {
            let name = Name(stringValue: key)
            guard container.contains(name) else { continue }
            let found = try container.decode(OptionValue.self, forKey: name)
            guard found == value else {
                throw ConfigurationProblem.unsupported(
                    key: key, value: found.description, supported: [value.description])
            }
        }
    }
}

/// Bounds on what a configuration may say, far above any model; they keep arithmetic on its values
/// from overflowing before the weights are compared with it.
enum ConfigurationLimits {
    static let channels = 1...65_536
    static let layers = 1...256
    static let blocks = 1...16
    static let vocabulary = 1...10_000_000

    static func check(
        _ value: Int, _ range: ClosedRange<Int>, key: String
    ) throws(ConfigurationProblem) {
        guard range.contains(value) else {
            throw .invalid(
                key: key, value: "\(value)",
                reason: "it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }
}
