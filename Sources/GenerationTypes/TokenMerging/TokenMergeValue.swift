// SPDX-License-Identifier: Apache-2.0

/// The value of a merge option outside the programs: in JSON, on the wire and in messages.
public enum TokenMergeValue: Sendable, Hashable {
    case flag(Bool)
    case whole(Int)
    case number(Double)
    case text(String)
    case list([Int])
}

extension TokenMergeValue: Codable {
    /// Reads a boolean, a number, a string or an array of whole numbers.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Int.self) {
            self = .whole(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else {
            self = .list(try container.decode([Int].self))
        }
    }

    /// Writes the value itself.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .flag(let value): try container.encode(value)
        case .whole(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        }
    }
}

extension TokenMergeValue: CustomStringConvertible {
    /// The value as a command line has it.
    public var description: String {
        switch self {
        case .flag(let value): "\(value)"
        case .whole(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let value): value
        case .list(let value): value.map { "\($0)" }.joined(separator: ",")
        }
    }
}

/// A type that merge options have values of.
public protocol TokenMergeOptionValue: Sendable {
    /// Takes a value of the right kind; its range is the option's to check.
    init?(mergeValue: TokenMergeValue)

    /// The value as others see it.
    var mergeValue: TokenMergeValue { get }
}

extension Bool: TokenMergeOptionValue {
    /// Takes a flag.
    public init?(mergeValue value: TokenMergeValue) {
        guard case .flag(let flag) = value else { return nil }
        self = flag
    }

    /// A flag.
    public var mergeValue: TokenMergeValue { .flag(self) }
}

extension Int: TokenMergeOptionValue {
    /// Takes a whole number.
    public init?(mergeValue value: TokenMergeValue) {
        guard case .whole(let number) = value else { return nil }
        self = number
    }

    /// A whole number.
    public var mergeValue: TokenMergeValue { .whole(self) }
}

extension Double: TokenMergeOptionValue {
    /// Takes a number, whole or not.
    public init?(mergeValue value: TokenMergeValue) {
        switch value {
        case .number(let number): self = number
        case .whole(let number): self = Double(number)
        case .flag, .text, .list: return nil
        }
    }

    /// A number.
    public var mergeValue: TokenMergeValue { .number(self) }
}

extension String: TokenMergeOptionValue {
    /// Takes a text.
    public init?(mergeValue value: TokenMergeValue) {
        guard case .text(let text) = value else { return nil }
        self = text
    }

    /// A text.
    public var mergeValue: TokenMergeValue { .text(self) }
}

extension [Int]: TokenMergeOptionValue {
    /// Takes a list.
    public init?(mergeValue value: TokenMergeValue) {
        guard case .list(let list) = value else { return nil }
        self = list
    }

    /// A list.
    public var mergeValue: TokenMergeValue { .list(self) }
}

extension TokenMergeOptionValue where Self: RawRepresentable<String> {
    /// Takes a choice by its name.
    public init?(mergeValue value: TokenMergeValue) {
        guard case .text(let text) = value else { return nil }
        self.init(rawValue: text)
    }

    /// The choice's name.
    public var mergeValue: TokenMergeValue { .text(rawValue) }
}
