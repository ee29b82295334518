// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import ProcessSupport

/// Which merge settings to compare: given one by one, or in a file.
struct MergeSettingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A name and merge options; repeatable.", valueName: "name: options"))
    var setting: [String] = []

    @Option(help: ArgumentHelp("A file with one setting per line.", valueName: "file"))
    var settings: String?

    /// All settings, those of the command line first.
    func all() throws -> [MergeSetting] {
        var result: [MergeSetting] = []
        for text in setting { result.append(try MergeSetting(parsing: text)) }
        guard let settings else { return result }
        let bytes: [UInt8]
        do {
            bytes = try InputFile.read(settings, byteCountMax: 1 << 20)
        } catch {
            throw ValidationError("cannot read settings from \(settings)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ValidationError("\(settings) is not UTF-8 text; save it as UTF-8")
        }
        return try result + MergeSetting.settings(lines: text)
    }
}
