// SPDX-License-Identifier: Apache-2.0

/// A page of metrics, read as strictly as the text format 0.0.4 allows.
package struct PrometheusPage: Sendable {
    /// A line in an invalid position.
    package struct Malformed: Error, CustomStringConvertible {
        package var line: Int
        package var reason: String

        package var description: String { "line \(line): \(reason)" }
    }

    /// Kinds by name of the metric.
    package private(set) var kinds: [String: String] = [:]
    /// Values by series, with labels as on the page: `name{label="value"}`.
    package private(set) var values: [String: Double] = [:]

    private var open: String?
    private var helped: String?

    /// Reads a page.
    package init(_ text: String) throws(Malformed) {
        guard text.hasSuffix("\n") else {
            throw Malformed(line: 0, reason: "no line end at the end")
        }
        let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            do throws(Mistake) {
                try take(line)
            } catch {
                throw Malformed(line: index + 1, reason: error.text)
            }
        }
        for (name, kind) in kinds where kind == "histogram" {
            guard isHistogram(name) else {
                throw Malformed(line: 0, reason: "\(name) is no histogram")
            }
        }
    }

    private struct Mistake: Error { var text: String }

    private mutating func take(_ line: Substring) throws(Mistake) {
        if line.hasPrefix("# HELP ") {
            let name = try Self.name(line.dropFirst(7).prefix { $0 != " " })
            guard kinds[name] == nil, helped == nil else {
                throw Mistake(text: "\(name) once more")
            }
            helped = name
        } else if line.hasPrefix("# TYPE ") {
            let words = line.dropFirst(7).split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, ["counter", "gauge", "histogram"].contains(words[1]) else {
                throw Mistake(text: "'\(line)' is no TYPE")
            }
            let name = try Self.name(words[0])
            guard helped == name else { throw Mistake(text: "\(name) has no HELP before") }
            guard (words[1] == "counter") == name.hasSuffix("_total") else {
                throw Mistake(text: "\(name): counters, and only they, end in _total")
            }
            kinds[name] = String(words[1])
            (open, helped) = (name, nil)
        } else {
            try takeSample(line)
        }
    }

    private mutating func takeSample(_ line: Substring) throws(Mistake) {
        guard let space = line.lastIndex(of: " "),
            let value = Self.number(line[space...].dropFirst())
        else { throw Mistake(text: "'\(line)' has no value") }
        let series = line[..<space]
        let name = try Self.name(series.prefix { $0 != "{" })
        let labels = series.dropFirst(name.count)
        guard labels.isEmpty || Self.areLabels(labels) else {
            throw Mistake(text: "'\(labels)' are no labels")
        }
        guard let open, helped == nil else { throw Mistake(text: "\(name) has no TYPE before") }
        let suffixes = kinds[open] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard suffixes.contains(where: { open + $0 == name }) else {
            throw Mistake(text: "\(name) is not of \(open)")
        }
        guard values.updateValue(value, forKey: String(series)) == nil else {
            throw Mistake(text: "\(series) twice")
        }
    }

    private static func name(_ text: Substring) throws(Mistake) -> String {
        let isName =
            text.first.map { $0.isASCII && ($0.isLetter || $0 == "_" || $0 == ":") } ?? false
            && text.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":")
            }
        guard isName else { throw Mistake(text: "'\(text)' is no name") }
        return String(text)
    }

    private static func number(_ text: Substring) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: text.first?.isLetter == true ? nil : Double(text)
        }
    }

    /// `{key="value",key="value"}`, quotes, backslashes and line ends escaped.
    private static func areLabels(_ text: Substring) -> Bool {
        var rest = text.dropFirst()
        guard text.first == "{" else { return false }
        while true {
            let key = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            guard !key.isEmpty, key.first?.isNumber == false else { return false }
            rest = rest.dropFirst(key.count)
            guard rest.hasPrefix("=\"") else { return false }
            rest = rest.dropFirst(2)
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\" else { continue }
                guard let escaped = rest.popFirst(), "\\\"n".contains(escaped) else { return false }
            }
            if rest == "}" { return true }
            guard rest.popFirst() == "," else { return false }
        }
    }

    private func isHistogram(_ name: String) -> Bool {
        let buckets = values.filter { $0.key.hasPrefix("\(name)_bucket{") }.compactMap {
            series, value -> (Double, Double)? in
            let bound = series.dropFirst("\(name)_bucket{le=\"".count).dropLast(2)
            return Self.number(bound).map { ($0, value) }
        }.sorted { $0.0 < $1.0 }
        let counts = buckets.map(\.1)
        return buckets.last?.0 == .infinity && counts == counts.sorted()
            && counts.last == values["\(name)_count"] && values["\(name)_sum"] != nil
    }
}
