// SPDX-License-Identifier: Apache-2.0

import Requests

/// A table as Markdown and CSV.
extension EvidenceTable {
    /// The metrics that were measured, in the order of columns.
    package var metrics: [EvidenceMetric] {
        EvidenceMetric.allCases.filter { metric in lines.contains { $0.values[metric] != nil } }
    }

    /// The paper's metrics of these rows.
    package var publishedMetrics: [EvidenceMetric] {
        EvidenceMetric.allCases.filter { metric in
            lines.contains { metric.value(of: $0.row.published) != nil }
        }
    }

    /// Column heads, as in `cells`.
    package var heads: [String] {
        ["row"] + metrics.map(\.title) + ["FID to unmerged", "speed-up"]
            + publishedMetrics.map { "paper: \($0.title)" }
    }

    /// One row's cells: values with their intervals, then the paper's numbers.
    package func cells(_ line: Line) -> [String] {
        [line.row.title] + metrics.map { Self.text(line.values[$0], digits: $0.digits) }
            + [
                line.distanceToFirst.map { TerminalText.decimal($0, digits: 3) } ?? "–",
                line.speedUp.map { Self.text($0, digits: 2) } ?? "–",
            ]
            + publishedMetrics.map { metric in
                metric.value(of: line.row.published)
                    .map { TerminalText.decimal($0, digits: 2) } ?? "–"
            }
    }

    /// Column heads, as in `differenceCells`.
    package var differenceHeads: [String] {
        ["row minus \(lines[0].row.title)"] + differenceMetrics.map(\.title)
    }

    private var differenceMetrics: [EvidenceMetric] {
        metrics.filter { metric in lines.contains { $0.differences[metric] != nil } }
    }

    /// One row's paired differences from the first row.
    package func differenceCells(_ line: Line) -> [String] {
        [line.row.title]
            + differenceMetrics.map {
                Self.text(line.differences[$0], digits: $0.digits, isSigned: true)
            }
    }

    /// Column heads, as in `cells` of a finding.
    package static let findingHeads = ["the paper says", "metric", "paper", "ours", "verdict"]

    /// A claim's cells.
    package func cells(_ finding: Finding) -> [String] {
        let metric = finding.claim.metric
        let published = finding.published.map {
            ($0 > 0 ? "+" : "") + TerminalText.decimal($0, digits: 2)
        }
        return [
            finding.claim.text, metric.title, published ?? "–",
            Self.text(finding.difference, digits: metric.digits, isSigned: true),
            finding.verdict.rawValue,
        ]
    }

    /// What the numbers are of, for people.
    package var facts: [String] {
        conditions.facts + [
            "\(pictureCount) pictures per row", "reference of \(referenceCount) pictures",
        ]
    }

    /// What intervals mean, for people.
    package var note: String {
        let intervals =
            replicateCount > 0
            ? """
            In brackets 95 % bootstrap intervals of \(replicateCount) resamples, the same for all rows: \
            differences are paired by prompt and seed.
            """ : "Too few pictures for intervals."
        let times =
            roundCount > 0
            ? " Times are of \(roundCount) rounds, all rows in turn in one process." : ""
        let few =
            hasEnoughForDistances
            ? ""
            : """
             There are no more pictures than features: FID is mostly that of so small a sample, and \
            decides no claim.
            """
        let absent =
            missing.isEmpty
            ? "" : " Not measured yet: \(missing.map(\.title).joined(separator: "; "))."
        return """
            \(intervals) PSNR, SSIM and "FID to unmerged" are relative to the unmerged pictures of \
            the same seeds.\(times)\(few)\(absent)
            """
    }

    /// The table for a page of documentation.
    package var markdown: String {
        var parts = [
            facts.joined(separator: ", ") + ".", Self.markdown(heads, lines.map(cells)), note,
        ]
        if lines.count > 1 {
            parts.append(Self.markdown(differenceHeads, lines.dropFirst().map(differenceCells)))
        }
        if !findings.isEmpty {
            parts.append(Self.markdown(Self.findingHeads, findings.map(cells)))
        }
        return parts.joined(separator: "\n\n") + "\n"
    }

    /// A table of Markdown; the first column flush left, the others flush right.
    static func markdown(_ heads: [String], _ rows: some Sequence<[String]>) -> String {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        let rule = ["---"] + heads.dropFirst().map { _ in "---:" }
        return ([line(heads), line(rule)] + rows.map(line)).joined(separator: "\n")
    }

    /// One line per row and metric, RFC 4180.
    package var csv: String {
        var text = """
            row,title,metric,pictures,value,low,high,difference,difference_low,difference_high,\
            published

            """
        for line in lines {
            for metric in metrics {
                guard let value = line.values[metric] else { continue }
                let difference = line.differences[metric]
                let fields: [String] = [
                    line.row.id, "\"\(line.row.title)\"", metric.rawValue,
                    "\(metric == .seconds ? roundCount : pictureCount)", Self.number(value.value),
                    Self.number(value.low), Self.number(value.high),
                    Self.number(difference?.value), Self.number(difference?.low),
                    Self.number(difference?.high),
                    Self.number(metric.value(of: line.row.published)),
                ]
                text += fields.joined(separator: ",") + "\n"
            }
        }
        return text
    }

    private static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "" }
        return "\(value)"
    }

    /// `0.952 (0.931 … 0.974)`.
    static func text(
        _ interval: BootstrapInterval?, digits: Int, isSigned: Bool = false
    ) -> String {
        guard let interval else { return "–" }
        func number(_ value: Double) -> String {
            let text = TerminalText.decimal(value, digits: digits)
            return isSigned && value > 0 ? "+" + text : text
        }
        guard interval.low.isFinite else { return number(interval.value) }
        return "\(number(interval.value)) (\(number(interval.low)) … \(number(interval.high)))"
    }
}
