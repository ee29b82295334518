// SPDX-License-Identifier: Apache-2.0

/// JSON with the options' keys; a missing key keeps its default, bad values are refused.
extension TokenMergeConfiguration: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ option: TokenMergeOption) { stringValue = option.key }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Every key, for readers that refuse others.
    public static var keys: [String] { TokenMergeOption.all.map(\.key) }

    /// Reads a configuration and checks its values; the method's name is `TokenMerger`'s to check.
    ///
    /// - Throws: `TokenMergeConfigurationError`; `DecodingError` for what is not an object;
    ///   `UnknownRequestKeyError` where the decoder refuses unknown keys.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if decoder.refusesUnknownKeys {
            try container.allKeys.map(\.stringValue).refuseUnknown(Self.keys, "token_merging.")
        }
        for option in TokenMergeOption.all {
            let value: TokenMergeValue?
            do {
                value = try container.decodeIfPresent(TokenMergeValue.self, forKey: Key(option))
            } catch {
                throw option.error(nil)
            }
            if let value { try option.set(value, in: &self) }
        }
        try validateRanges()
    }

    /// Writes every value in force; what follows the method stays out, and options with tags at their
    /// defaults, which earlier versions do not know.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for option in TokenMergeOption.all {
            let value = option.value(in: self)
            if option.tag != nil, value == option.standard { continue }
            try container.encodeIfPresent(value, forKey: Key(option))
        }
    }
}
