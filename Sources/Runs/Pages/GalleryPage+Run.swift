// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes
import Requests

/// The run as a whole.
extension GalleryPage {
    /// A table of the workers.
    static func workersTable(_ workers: [WorkerRecord]) -> String {
        guard !workers.isEmpty else { return "" }
        let rows = workers.map { worker in
            let lost = worker.lostReason.map {
                " <span class=\"bad\">lost: \(HTMLText.escaped($0))</span>"
            }
            return """
                <tr><td>\(HTMLText.escaped(worker.name))\(lost ?? "")</td>\
                <td>\(HTMLText.escaped(worker.kernelClass))</td>\
                <td class="number">\(worker.imageCount)</td>\
                <td class="number">\(seconds(worker.busySeconds))</td></tr>
                """
        }
        return """
            <h2>Workers</h2>
            <div class="scroll"><table>
            <tr><th>worker</th><th>kernels</th><th class="number">pictures</th>\
            <th class="number">busy</th></tr>
            \(rows.joined(separator: "\n"))
            </table></div>
            """
    }

    /// Options, model and wire, as a list of names and values.
    static func settingsList(_ run: RunRecord) -> String {
        var pairs = run.settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        pairs.append(("seed of picture 0", String(run.baseSeed)))
        pairs.append(("U-Net", "SHA-256 " + run.model.unetSHA256))
        if run.wire.latents > 0 {
            let raw = bytes(run.wire.latents)
            let compressed = bytes(run.wire.compressedLatents)
            pairs.append(("latents on the wire", "\(compressed), \(raw) before compression"))
            pairs.append(
                (
                    "traffic",
                    "\(bytes(run.wire.sent)) sent, "
                        + "\(bytes(run.wire.received)) received"
                ))
        }
        let items = pairs.map {
            "<dt>\(HTMLText.escaped($0.0))</dt><dd>\(HTMLText.escaped($0.1))</dd>"
        }
        return "<h2>Settings</h2>\n<dl>\(items.joined())</dl>"
    }

    /// What made the page, and the files beside it.
    static func footerText(_ run: RunRecord) -> String {
        let sheets = run.sheets.map {
            "<a href=\"\(HTMLText.link($0))\">\(HTMLText.escaped($0))</a>"
        }
        let files =
            ["<a href=\"\(RunFileName.report)\">\(RunFileName.report)</a>"] + sheets
        return """
            <footer>Made by \(HTMLText.escaped(run.version)). Every picture carries its own \
            settings. Also here: \(files.joined(separator: ", ")).</footer>
            """
    }

    /// `1 picture`, `8 pictures`.
    static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Seconds as a person reads them: `40 ms`, `6.1 s`, `12:34`.
    static func seconds(_ seconds: Double) -> String {
        if seconds < 0.9995 { return "\(TerminalText.decimal(seconds * 1000, digits: 0)) ms" }
        if seconds < 100 { return "\(TerminalText.decimal(seconds, digits: 1)) s" }
        return TerminalText.duration(seconds)
    }

    /// Bytes as a person reads them: `812 bytes`, `14.2 KB`, `3.1 MB`.
    static func bytes(_ count: Int) -> String {
        if count < 1000 { return "\(count) bytes" }
        if count < 1_000_000 { return "\(TerminalText.decimal(Double(count) / 1e3, digits: 1)) KB" }
        if count < 1_000_000_000 {
            return "\(TerminalText.decimal(Double(count) / 1e6, digits: 1)) MB"
        }
        return "\(TerminalText.decimal(Double(count) / 1e9, digits: 1)) GB"
    }

    /// A moment to the minute: `2026-11-23 08:15 UTC`.
    static func date(_ date: Date) -> String {
        let style = Date.ISO8601FormatStyle().year().month().day()
        let text = date.formatted(style.time(includingFractionalSeconds: false))
        return String(text.prefix(16)).split(separator: "T").joined(separator: " ") + " UTC"
    }
}
