// SPDX-License-Identifier: Apache-2.0

/// Text files that are easily taken for lists of prompts, of which each line would be a picture.
enum ForeignFormat {
    /// Refuses what is no list of prompts.
    ///
    /// - Throws: `foreign`.
    static func refuse(_ text: PromptText, source: String) throws(PromptListError) {
        guard let first = text.lines.first(where: { !$0.text.isEmpty })?.text else { return }
        if let what = name(of: first) { throw .foreign(source: source, what: what) }
        // JSON that is spread over lines, somewhere in the file.
        let piece = text.lines.first { line in
            !line.text.isEmpty
                && line.text.allSatisfy { "{}[],".contains($0) || $0.isWhitespace }
        }
        if let piece {
            throw .foreign(
                source: "\(source):\(piece.number)",
                what: "a piece of JSON ('\(piece.text.prefix(40))')")
        }
    }

    /// Longest line that may be a table's header, in characters.
    private static let headerLengthMax = 4096

    /// What a text that begins with this line is, as a message names it.
    private static func name(of first: String) -> String? {
        let start = first.prefix(headerLengthMax + 1).lowercased()
        let beginnings = [
            ("{\\rtf", "an RTF document"), ("<?xml", "an XML document"),
            ("<!doctype", "an HTML page"), ("<html", "an HTML page"), ("%pdf-", "a PDF document"),
            ("version https://git-lfs", "a Git LFS pointer (git lfs pull brings the file itself)"),
        ]
        if let known = beginnings.first(where: { start.hasPrefix($0.0) }) { return known.1 }
        if first == "---" || start.hasPrefix("- prompt:") { return "YAML" }
        guard start.count <= headerLengthMax else { return nil }
        return isTableHeader(start) ? "a table (CSV)" : nil
    }

    /// Names of settings with separators between them.
    private static func isTableHeader(_ line: String) -> Bool {
        for separator: Character in [",", ";", "\t"] {
            let names = line.split(separator: separator, omittingEmptySubsequences: false).map {
                $0.filter { !"\" ".contains($0) }
            }
            if names.count > 1, names.contains("prompt"),
                names.allSatisfy({ PromptFields.isOption("--\($0)") })
            {
                return true
            }
        }
        return false
    }
}
