// SPDX-License-Identifier: Apache-2.0

/// The fields of a URL's query, as forms and browsers write them.
package struct QueryFields: Sendable, Equatable {
    private let values: [String: String]

    /// Reads what follows the question mark; of a field that comes twice, the first one counts.
    package init(_ query: String?) {
        let fields = (query ?? "").split(separator: "&").map { field in
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(parts[0]), parts.count > 1 ? Self.decoded(parts[1]) : "")
        }
        values = Dictionary(fields) { first, _ in first }
    }

    /// A field's value; `nil` if the query does not have it.
    package subscript(name: String) -> String? { values[name] }

    /// A field that is 0 or 1; `nil` if the query does not have it.
    package func flag(_ name: String) throws(APIProblem) -> Bool? {
        switch self[name] {
        case nil: nil
        case "0": false
        case "1": true
        case let text?:
            throw APIProblem(422, "invalid", "\(name)=\(text): choose 0 or 1", param: name)
        }
    }

    /// A field that is a number in a range; `nil` if the query does not have it.
    package func number(
        _ name: String, in range: ClosedRange<Int>
    ) throws(APIProblem) -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw APIProblem(
                422, "invalid",
                "\(name)=\(text): choose from \(range.lowerBound) to \(range.upperBound)",
                param: name)
        }
        return number
    }

    private static func decoded(_ text: Substring) -> String {
        PercentText.decoded(text, plusIsBlank: true)
    }
}
