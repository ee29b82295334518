// SPDX-License-Identifier: Apache-2.0

/// An option of token merging: a row of the table that JSON, flags, help, limits, errors and the
/// wire follow from (`TokenMergeOption+Table.swift`).
///
/// Which methods read it say their traits. Two options are equal when their keys are.
public struct TokenMergeOption: Sendable {
    /// Its key in JSON; ToMeSD's where it has one.
    public let key: String
    /// Its flag on the command line, without dashes.
    public let flag: String
    /// What it does: one sentence for help, without a full stop.
    public let help: String
    /// Which values it takes.
    public let limits: TokenMergeLimits
    /// Its number on the wire; `nil` for those of protocol 1.1, which have fixed places there.
    public let tag: UInt8?

    private let read: @Sendable (TokenMergeConfiguration) -> TokenMergeValue?
    private let write: @Sendable (inout TokenMergeConfiguration, TokenMergeValue) -> Bool

    /// An option that always has a value.
    public init<Value: TokenMergeOptionValue>(
        _ path: any WritableKeyPath<TokenMergeConfiguration, Value> & Sendable, key: String,
        flag: String, _ limits: TokenMergeLimits, tag: UInt8? = nil, help: String
    ) {
        self.key = key
        self.flag = flag
        self.help = help
        self.limits = limits
        self.tag = tag
        read = { $0[keyPath: path].mergeValue }
        write = { configuration, value in
            guard let value = Value(mergeValue: value) else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }

    /// An option that follows the method while it has no value.
    public init<Value: TokenMergeOptionValue>(
        _ path: any WritableKeyPath<TokenMergeConfiguration, Value?> & Sendable, key: String,
        flag: String, _ limits: TokenMergeLimits, tag: UInt8? = nil, help: String
    ) {
        self.key = key
        self.flag = flag
        self.help = help
        self.limits = limits
        self.tag = tag
        read = { $0[keyPath: path]?.mergeValue }
        write = { configuration, value in
            guard let value = Value(mergeValue: value) else { return false }
            configuration[keyPath: path] = value
            return true
        }
    }

    /// Its value in a configuration; `nil` where it follows the method.
    public func value(in configuration: TokenMergeConfiguration) -> TokenMergeValue? {
        read(configuration)
    }

    /// What it is unless given; `nil` where it follows the method.
    public var standard: TokenMergeValue? { read(TokenMergeConfiguration()) }

    /// Gives it a value, within its limits or not.
    ///
    /// - Throws: `optionValue` for a value of another kind.
    public func set(
        _ value: TokenMergeValue, in configuration: inout TokenMergeConfiguration
    ) throws(TokenMergeConfigurationError) {
        guard write(&configuration, value) else { throw error(value) }
    }

    /// Checks that its value is within the limits.
    public func check(
        _ configuration: TokenMergeConfiguration
    ) throws(TokenMergeConfigurationError) {
        guard let value = read(configuration), !limits.contains(value) else { return }
        throw error(value)
    }

    /// Why a value can't be taken; `nil` for one that is not of any kind.
    func error(_ value: TokenMergeValue?) -> TokenMergeConfigurationError {
        .optionValue(
            key: key, value: value?.description, allowed: limits.description, flag: flag)
    }
}

extension TokenMergeOption: Hashable {
    /// Whether both are the same option.
    public static func == (first: TokenMergeOption, second: TokenMergeOption) -> Bool {
        first.key == second.key
    }

    /// Hashes the key.
    public func hash(into hasher: inout Hasher) { hasher.combine(key) }
}
