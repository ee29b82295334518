// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
package import Runs

/// Draws a run's progress as lines for a terminal: a bar, and a line per worker.
///
///      5/8 images ▕████████████▌       ▏  62 %   4.8 steps/s   0:42 left
///       127.0.0.1:7400  #5 ━━━━━━━──── 14/25  a red house in the snow
package enum ProgressFrame {
    /// The lines of a frame.
    ///
    /// - Parameters:
    ///   - progress: The run.
    ///   - remainingSeconds: Time left; `nil` when unknown.
    ///   - prompts: Prompt of every image, for the workers' lines; may be empty.
    ///   - columns: Width of the terminal.
    ///   - rows: Height of the terminal; the frame leaves room for a line below it.
    ///   - usesUnicode: Whether bars may be made of block characters.
    package static func lines(
        _ progress: RunProgress, remainingSeconds: Double?, prompts: [String], columns: Int,
        rows: Int, usesUnicode: Bool
    ) -> [StyledLine] {
        let present = progress.workers.filter { $0.lostReason == nil }
        let room = max(0, min(rows - 2, 16))
        // When not all fit, the last line says how many more there are.
        let shown = present.count <= room ? present[...] : present.prefix(max(0, room - 1))
        let nameWidth = min(24, shown.map { TerminalText.columnCount($0.name) }.max() ?? 0)
        var lines = [
            overview(
                progress, remainingSeconds: remainingSeconds, columns: columns,
                usesUnicode: usesUnicode)
        ]
        for worker in shown {
            lines.append(
                line(
                    of: worker, progress: progress, prompts: prompts, nameWidth: nameWidth,
                    usesUnicode: usesUnicode))
        }
        if shown.count < present.count, room > 0 {
            var more = StyledLine()
            more.add("  and \(present.count - shown.count) more workers", .dim)
            lines.append(more)
        }
        return lines
    }

    private static func overview(
        _ progress: RunProgress, remainingSeconds: Double?, columns: Int, usesUnicode: Bool
    ) -> StyledLine {
        let total = String(progress.imageCount)
        let count = TerminalText.padded(
            String(progress.finishedCount), width: total.count, atStart: true)
        var tail = StyledLine()
        let percent = Int(progress.fraction * 100)
        tail.add(TerminalText.padded("\(percent)", width: 4, atStart: true) + " %")
        let rate = progress.stepsPerSecond
        if rate > 0 {
            let digits = rate < 10 ? 2 : 1
            tail.add("   \(TerminalText.decimal(rate, digits: digits)) steps/s", .dim)
        }
        if progress.failedCount > 0 { tail.add("   \(progress.failedCount) failed", .bad) }
        if progress.finishedCount < progress.imageCount, let seconds = remainingSeconds {
            tail.add("   \(TerminalText.duration(seconds)) left", .bold)
        }
        var line = StyledLine()
        line.add(" \(count)/\(total) images ", .bold)
        // The bar takes what is left, or goes when that is too little to say anything.
        let width = min(40, columns - 1 - line.columnCount - tail.columnCount - 2)
        if width >= 6 {
            line.add(usesUnicode ? "▕" : "[", .dim)
            let isDone = progress.finishedCount == progress.imageCount
            line.add(
                bar(progress.fraction, width: width, usesUnicode: usesUnicode),
                isDone ? .good : .accent)
            line.add(usesUnicode ? "▏" : "]", .dim)
        }
        line.append(tail)
        return line
    }

    private static func line(
        of worker: RunProgress.WorkerState, progress: RunProgress, prompts: [String],
        nameWidth: Int, usesUnicode: Bool
    ) -> StyledLine {
        var line = StyledLine()
        let name = TerminalText.truncated(TerminalText.sanitized(worker.name), width: nameWidth)
        line.add("  " + TerminalText.padded(name, width: nameWidth) + "  ")
        guard let index = worker.image?.rawValue else {
            line.add(worker.imageCount == 0 ? "ready" : "waiting", .dim)
            return line
        }
        let total = progress.stepCounts[index]
        let width = String(progress.imageCount - 1).count + 1
        line.add(TerminalText.padded("#\(index)", width: width), .bold)
        let fraction = total > 0 ? Double(worker.step) / Double(total) : 0
        let filled = Int((fraction * 10).rounded(.down))
        line.add(" " + String(repeating: usesUnicode ? "━" : "=", count: filled), .accent)
        line.add(String(repeating: usesUnicode ? "─" : "-", count: 10 - filled), .dim)
        let step = TerminalText.padded(
            String(worker.step), width: String(total).count, atStart: true)
        line.add(" \(step)/\(total)")
        if prompts.indices.contains(index) { line.add("  " + prompts[index], .dim) }
        return line
    }

    /// A bar of `width` columns, in eighths of a column where the terminal can.
    private static func bar(_ fraction: Double, width: Int, usesUnicode: Bool) -> String {
        let fraction = min(max(fraction, 0), 1)
        guard usesUnicode else {
            let filled = Int(fraction * Double(width))
            return String(repeating: "#", count: filled)
                + String(repeating: ".", count: width - filled)
        }
        let eighths = Int(fraction * Double(width) * 8)
        var bar = String(repeating: "█", count: eighths / 8)
        if eighths % 8 > 0 { bar.append(Array(" ▏▎▍▌▋▊▉")[eighths % 8]) }
        return TerminalText.padded(bar, width: width)
    }
}
