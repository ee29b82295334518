// SPDX-License-Identifier: Apache-2.0

import Requests
import TensorKit

/// A table of where the time of U-Net calls goes, as Markdown.
struct ProfileTable {
    /// All lanes' operations.
    private var entries: [OperationProfile.Key: OperationProfile.Entry] = [:]
    private let laneCount: Int
    private let callCount: Int
    /// Seconds of all calls together.
    private let seconds: Double
    /// The machine's peak rate, FLOP/s.
    private let peak: Double

    init(_ profiles: [OperationProfile], callCount: Int, seconds: Double, peak: Double) {
        laneCount = profiles.count
        self.callCount = callCount
        self.seconds = seconds
        self.peak = peak
        for (key, entry) in profiles.flatMap(\.entries) {
            var sum = entries[key] ?? OperationProfile.Entry()
            sum.callCount += entry.callCount
            sum.seconds += entry.seconds
            sum.work += entry.work
            entries[key] = sum
        }
    }

    /// One row per kind and size, one per kind, one for the time outside operations, and the whole.
    var lines: [String] {
        var lines = [
            "| operation | tokens | per call | ms | share | GFLOP | GFLOP/s | of peak |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for kind in OperationProfile.Kind.allCases {
            let own = entries.filter { $0.key.kind == kind }
                .sorted { $0.key.tokenCount > $1.key.tokenCount }
            guard !own.isEmpty else { continue }
            for (key, entry) in own {
                lines.append(line(kind.rawValue, "\(key.tokenCount)", entry))
            }
            if own.count > 1 { lines.append(line(kind.rawValue, "all", sum(own.map(\.value)))) }
        }
        let whole = sum(entries.map(\.value))
        var rest = OperationProfile.Entry()
        rest.seconds = seconds * Double(laneCount) - whole.seconds
        lines.append(line("outside operations", "", rest))
        var all = whole
        all.seconds = seconds * Double(laneCount)
        lines.append(line("**whole call**", "", all))
        return lines
    }

    private func sum(_ parts: [OperationProfile.Entry]) -> OperationProfile.Entry {
        parts.reduce(into: OperationProfile.Entry()) { sum, part in
            sum.callCount += part.callCount
            sum.seconds += part.seconds
            sum.work += part.work
        }
    }

    private func line(_ name: String, _ size: String, _ entry: OperationProfile.Entry) -> String {
        // Lanes run in parallel: a call lasts as long as one of them.
        let time = entry.seconds / Double(laneCount) / Double(callCount)
        let work = Double(entry.work.totalFLOPs) / Double(callCount)
        let hasWork = work > 0
        let cells = [
            name, size, entry.callCount == 0 ? "" : "\(entry.callCount / callCount)",
            TerminalText.decimal(time * 1e3, digits: 1),
            TerminalText.decimal(100 * time * Double(callCount) / seconds, digits: 1) + " %",
            hasWork ? TerminalText.decimal(work * 1e-9, digits: 1) : "",
            hasWork ? TerminalText.decimal(work / time * 1e-9, digits: 0) : "",
            hasWork ? TerminalText.decimal(100 * work / time / peak, digits: 0) + " %" : "",
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }
}
