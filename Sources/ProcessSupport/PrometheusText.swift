// SPDX-License-Identifier: Apache-2.0

/// Builds a page of metrics in Prometheus' text format 0.0.4.
package struct PrometheusText: Sendable {
    /// The page's content type.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A metric's kind.
    package enum Kind: String, Sendable {
        /// Only increases.
        case counter
        /// May increase and decrease.
        case gauge
    }

    /// The page so far.
    package private(set) var text = ""

    /// An empty page.
    package init() {}

    /// Adds a metric with one value.
    package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        add(name, kind, help, [([:], value)])
    }

    /// Adds a metric with a value for each set of labels; nothing if there are none.
    package mutating func add(
        _ name: String, _ kind: Kind, _ help: String,
        _ values: [(labels: [String: String], value: Double)]
    ) {
        guard !values.isEmpty else { return }
        head(name, kind.rawValue, help)
        for (labels, value) in values { sample(name, labels, value) }
    }

    /// Adds a histogram.
    package mutating func add(_ name: String, _ help: String, _ histogram: Histogram) {
        head(name, "histogram", help)
        var count = 0
        for (bound, more) in zip(histogram.bounds + [.infinity], histogram.counts) {
            count += more
            sample("\(name)_bucket", ["le": Self.number(bound)], Double(count))
        }
        sample("\(name)_sum", [:], histogram.sum)
        sample("\(name)_count", [:], Double(count))
    }

    private mutating func head(_ name: String, _ kind: String, _ help: String) {
        let escaped = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        text += "# HELP \(name) \(escaped)\n# TYPE \(name) \(kind)\n"
    }

    private mutating func sample(_ name: String, _ labels: [String: String], _ value: Double) {
        let pairs = labels.sorted { $0.key < $1.key }.map { key, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(key)=\"\(escaped)\""
        }
        let list = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
        text += "\(name)\(list) \(Self.number(value))\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int(exactly: value).map(String.init) ?? "\(value)"
    }
}
