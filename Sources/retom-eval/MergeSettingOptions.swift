// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Evaluation
internal import FoundationEssentials

/// Which merge settings to compare: given one by one, or in a file.
struct MergeSettingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A name and merge options; give it again for more.", valueName: "name: options"))
    var setting: [String] = []

    @Option(help: ArgumentHelp("A file with one setting per line.", valueName: "file"))
    var settings: String?

    /// All settings, those of the command line first.
    func all() throws -> [MergeSetting] {
        var result: [MergeSetting] = []
        for text in setting { result.append(try MergeSetting(parsing: text)) }
        guard let settings else { return result }
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(filePath: settings))
        } catch {
            throw ValidationError("cannot read settings from \(settings)")
        }
        return try result
            + MergeSetting.settings(lines: String(decoding: bytes, as: UTF8.self))
    }
}
