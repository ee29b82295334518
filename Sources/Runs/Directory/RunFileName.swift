// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The names of a run's files: the contract with scripts that read an output directory.
package enum RunFileName {
    /// The machine-readable report of the run.
    package static let report = "report.json"
    /// What the run is doing; removed at its end.
    package static let status = "status.json"
    /// What a process locks while it writes there; stays behind without meaning.
    package static let lock = "run.lock"
    /// Written and removed at the start, to see whether files can be written.
    static let writeCheck = "retom-write-check"
    /// The page that shows the run.
    package static let gallery = "index.html"

    /// The run's database.
    package static let database = "run.sqlite"
    /// The database of a run that is to replace the one in the directory, until it has a picture to
    /// show.
    package static let successor = "run-new.sqlite"
    /// The database, with SQLite's own files beside it.
    static let databases = withLogs(database)
    /// The same of a successor.
    static let successors = withLogs(successor)
    /// The folder of all latents, by their content.
    package static let latentsFolder = "latents"

    /// Latents in their folder: `<sha256>.f32`.
    static func archivedLatents(sha256: [UInt8]) -> String { "\(Hexadecimal.text(sha256)).f32" }

    /// Whether a name is one that `archivedLatents` gives.
    package static func isArchivedLatents(_ name: String) -> Bool {
        let stem = name.dropLast(4)
        return name.hasSuffix(".f32") && stem.count == 64
            && stem.allSatisfy { $0.isASCII && $0.isHexDigit && !$0.isUppercase }
    }

    /// An image's name without its extension: `00000-42`.
    package static func stem(_ image: ImageNumber, seed: UInt64) -> String {
        "\(padded(image.rawValue, width: 5))-\(seed)"
    }

    /// A picture: `00000-42.png`.
    package static func picture(_ image: ImageNumber, seed: UInt64) -> String {
        stem(image, seed: seed) + ".png"
    }

    /// A picture's latents: `00000-42.safetensors`.
    package static func latents(_ image: ImageNumber, seed: UInt64) -> String {
        stem(image, seed: seed) + ".safetensors"
    }

    /// A contact sheet: `grid-0000.png`.
    package static func sheet(page: Int) -> String { "grid-\(padded(page, width: 4)).png" }

    /// Whether a name is the temporary form of one that a run writes: what a killed process leaves.
    package static func isUnfinished(_ name: String) -> Bool {
        guard let name = TemporaryFileName.target(of: name) else { return false }
        return belongsToARun(name) || name == status || name == writeCheck
    }

    /// The same of a name in the folder of latents; version 0.1.0 left their ending out.
    static func isUnfinishedLatents(_ name: String) -> Bool {
        guard let name = TemporaryFileName.target(of: name) else { return false }
        return isArchivedLatents(name) || isArchivedLatents("\(name).f32")
    }

    /// Whether a name is one that a run leaves.
    package static func belongsToARun(_ name: String) -> Bool {
        isDatabase(name) || isOutput(name)
    }

    /// Whether a name is a database's, or one of SQLite's beside it.
    package static func isDatabase(_ name: String) -> Bool {
        (databases + successors).contains(name)
    }

    private static func withLogs(_ name: String) -> [String] {
        [name, "\(name)-wal", "\(name)-shm"]
    }

    /// Whether a name is one of the files that a run makes for people and other programs.
    package static func isOutput(_ name: String) -> Bool {
        if name == report || name == gallery { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        let words = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard words.count == 2, isNumber(words[1]) else { return false }
        if words[0] == "grid" { return words[1].count >= 4 && parts[1] == "png" }
        return words[0].count >= 5 && isNumber(words[0])
            && ["png", "safetensors"].contains(String(parts[1]))
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
    }

    private static func padded(_ number: Int, width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
