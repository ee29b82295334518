// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import Requests

/// The numbers of a comparison: for files and for people.
package struct ComparisonTable: Sendable {
    /// One prompt's measurements, by column.
    package struct Row: Sendable {
        package var request: GenerationRequest
        package var records: [ComparisonRecord]

        package init(request: GenerationRequest, records: [ComparisonRecord]) {
            self.request = request
            self.records = records
        }
    }

    /// The columns' names, the unmerged pictures' first.
    package let names: [String]
    /// By prompt.
    package let rows: [Row]
    /// The column with whose fidelity the others are compared.
    package let baseline: Int
    /// The number format used for all pictures.
    package let precision: String
    /// The model that generated them.
    package let model: ModelRecord

    /// - Parameter baseline: a column's name; `nil` for the first setting.
    /// - Throws: `ComparisonBaselineError` if there is no such column.
    package init(
        names: [String], rows: [Row], baseline: String?, precision: String, model: ModelRecord
    ) throws(ComparisonBaselineError) {
        self.names = names
        self.rows = rows
        self.precision = precision
        self.model = model
        self.baseline = try Self.column(of: baseline, in: names)
    }

    /// The column of a baseline, checked before anything is generated.
    package static func column(
        of baseline: String?, in names: [String]
    ) throws(ComparisonBaselineError) -> Int {
        guard let baseline else { return min(1, names.count - 1) }
        guard let column = names.firstIndex(of: baseline) else {
            throw ComparisonBaselineError(name: baseline, known: names)
        }
        return column
    }

    /// One summary per column.
    package var summaries: [ComparisonSummary] {
        names.indices.map { column in
            ComparisonSummary(
                name: names[column], records: rows.map { $0.records[column] },
                unmerged: rows.map { $0.records[0] }, baseline: rows.map { $0.records[baseline] })
        }
    }

    /// One line per picture, RFC 4180.
    package var pictureCSV: String {
        var text = """
            prompt_index,prompt,seed,setting,seconds,seconds_sampling,seconds_decoding,speed_up,\
            psnr_db,ssim,tokens_left,plans_computed,plans_reused

            """
        for (index, row) in rows.enumerated() {
            for (name, record) in zip(names, row.records) {
                let fields = [
                    "\(index)", Self.quoted(row.request.prompt), "\(row.request.seed)",
                    Self.quoted(name), "\(record.seconds)", "\(record.samplingSeconds)",
                    "\(record.decodingSeconds)", "\(row.speedUp(of: record))",
                    Self.number(record.psnr), "\(record.ssim)", "\(record.tokensLeft)",
                    "\(record.statistics.computedPlanCount)",
                    "\(record.statistics.reusedPlanCount)",
                ]
                text += fields.joined(separator: ",") + "\n"
            }
        }
        return text
    }

    /// The guidance scale of all pictures; `nil` if they differ.
    package var guidanceScale: Float? {
        let scales = Set(rows.map(\.request.guidanceScale))
        return scales.count == 1 ? scales.first : nil
    }

    /// One line per setting; `_ci95` is half the width of the interval, empty for fewer than five prompts.
    ///
    /// The last columns give the conditions under which the numbers hold.
    package var summaryCSV: String {
        var text = """
            setting,pictures,seconds_mean,seconds_ci95,speed_up,psnr_db_mean,psnr_db_ci95,\
            ssim_mean,ssim_ci95,psnr_db_gain_mean,psnr_db_gain_ci95,ssim_gain_mean,ssim_gain_ci95,\
            tokens_left,plans_computed,plans_reused,precision,guidance_scale,model,unet_sha256,\
            vae_sha256

            """
        let conditions = [
            precision, guidanceScale.map { "\($0)" } ?? "", Self.quoted(model.name),
            model.unetSHA256, model.vaeSHA256,
        ]
        for summary in summaries {
            let intervals = [summary.psnr, summary.ssim, summary.psnrGain, summary.ssimGain]
            let fields =
                [
                    Self.quoted(summary.name), "\(summary.seconds.count)",
                    Self.number(summary.seconds.mean), Self.number(summary.seconds.shownHalfWidth),
                    "\(summary.speedUp)",
                ]
                + intervals.flatMap { [Self.number($0.mean), Self.number($0.shownHalfWidth)] }
                + [
                    "\(summary.tokensLeft)", "\(summary.computedPlanCount)",
                    "\(summary.reusedPlanCount)",
                ] + conditions
            text += fields.joined(separator: ",") + "\n"
        }
        return text
    }

    /// The summaries for a terminal, in columns.
    package var text: String { TerminalText.table([heads] + summaries.map(cells)) }

    /// Column heads, as in `cells`.
    package var heads: [String] {
        [
            "setting", "s/image", "speed-up", "PSNR dB", "SSIM", "dB to \(names[baseline])",
            "tokens left",
        ]
    }

    /// A summary's cells, as in `text`.
    package func cells(_ summary: ComparisonSummary) -> [String] {
        let isUnmerged = summary.name == names[0]
        return [
            TerminalText.sanitized(summary.name), Self.text(summary.seconds, digits: 3),
            TerminalText.decimal(summary.speedUp, digits: 2) + "×",
            isUnmerged ? "–" : Self.text(summary.psnr, digits: 2),
            isUnmerged ? "–" : Self.text(summary.ssim, digits: 4),
            isUnmerged ? "–" : Self.text(summary.psnrGain, digits: 2),
            TerminalText.decimal(summary.tokensLeft * 100, digits: 1) + " %",
        ]
    }

    /// `mean ± half width`; of a few prompts the mean alone.
    static func text(_ interval: MeanInterval, digits: Int) -> String {
        let mean =
            interval.mean.isInfinite ? "∞" : TerminalText.decimal(interval.mean, digits: digits)
        guard interval.shownHalfWidth.isFinite else { return mean }
        return mean + " ± " + TerminalText.decimal(interval.shownHalfWidth, digits: digits)
    }

    /// Text that both spreadsheets and Python read.
    private static func number(_ value: Double) -> String {
        value.isNaN ? "" : "\(value)"
    }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { ",\"\r\n".contains($0) }) else { return text }
        return "\""
            + text.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
    }
}

/// A baseline that is not a column.
package struct ComparisonBaselineError: Error, Equatable, CustomStringConvertible {
    package let name: String
    package let known: [String]

    /// The problem and its remedy.
    package var description: String {
        "no setting is called \(name); choose --against from \(known.joined(separator: ", "))"
    }
}
