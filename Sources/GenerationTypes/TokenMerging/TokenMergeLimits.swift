// SPDX-License-Identifier: Apache-2.0

/// Which values a merge option takes.
///
/// Every number has an upper bound: what is within the limits can be converted, counted and
/// allocated without a further check.
public enum TokenMergeLimits: Sendable {
    /// On or off.
    case flag
    /// A whole number of a range.
    case wholes(ClosedRange<Int>)
    /// A number of a range; NaN is in none.
    case numbers(ClosedRange<Double>)
    /// One of a few names.
    case names([String])
    /// What `contains` says; `form` shows it in help, `description` in errors.
    case other(
        form: String, description: String, contains: @Sendable (TokenMergeValue) -> Bool)

    /// One of a type's names.
    static func choices<Choice: CaseIterable & RawRepresentable<String>>(
        _: Choice.Type
    ) -> TokenMergeLimits {
        .names(Choice.allCases.map(\.rawValue))
    }

    /// Whether a value is within the limits.
    public func contains(_ value: TokenMergeValue) -> Bool {
        switch (self, value) {
        case (.flag, .flag): true
        case (.wholes(let range), .whole(let number)): range.contains(number)
        case (.numbers(let range), .number(let number)): range.contains(number)
        case (.names(let names), .text(let name)): names.contains(name)
        case (.other(_, _, let contains), _): contains(value)
        default: false
        }
    }

    /// What to write, for help: `0…1`.
    public var form: String {
        switch self {
        case .flag: ""
        case .wholes(let range): "\(range.lowerBound)…\(range.upperBound)"
        case .numbers(let range): "\(Self.text(range.lowerBound))…\(Self.text(range.upperBound))"
        case .names(let names): names.joined(separator: "|")
        case .other(let form, _, _): form
        }
    }

    /// What to choose from, for errors: `from 0 to 1`.
    public var description: String {
        switch self {
        case .flag: "true or false"
        case .wholes(let range):
            "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .numbers(let range):
            "from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        case .names(let names): names.joined(separator: ", ")
        case .other(_, let description, _): description
        }
    }

    /// `7` rather than `7.0`.
    private static func text(_ number: Double) -> String {
        Int(exactly: number).map { "\($0)" } ?? "\(number)"
    }
}
