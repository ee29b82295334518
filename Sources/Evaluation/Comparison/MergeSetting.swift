// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
package import GenerationTypes
import Requests

/// A named choice of merge options: one column of a comparison.
///
/// Written as `name: --merge tome --merge-ratio 0.5`, with the options of `retom-coord`.
package struct MergeSetting: Sendable, Hashable {
    /// The column's name.
    package let name: String
    /// The column's merge configuration.
    package let merging: TokenMergeConfiguration

    package init(name: String, merging: TokenMergeConfiguration) {
        self.name = name
        self.merging = merging
    }

    /// The pictures that all others are compared with.
    package static let unmerged = MergeSetting(name: "none", merging: .none)

    /// Reads a setting.
    package init(parsing text: String) throws(MergeSettingError) {
        guard let colon = text.firstIndex(of: ":") else { throw .noName(text) }
        let name = text[..<colon].split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard !name.isEmpty else { throw .noName(text) }
        self.name = name
        do {
            let words = try ShellWords.split(String(text[text.index(after: colon)...]))
            merging = try MergeOptions.parse(
                OptionWords(of: MergeOptions.self).joined(words)
            ).configuration
        } catch {
            throw .options(name: name, reason: MergeOptions.message(for: error))
        }
    }

    /// Reads a file of settings, one per line; skips blank lines and lines that begin with #.
    package static func settings(lines text: String) throws(MergeSettingError) -> [MergeSetting] {
        var settings: [MergeSetting] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let start = line.drop(while: \.isWhitespace)
            guard !start.isEmpty, !start.hasPrefix("#") else { continue }
            settings.append(try MergeSetting(parsing: String(start)))
        }
        return settings
    }

    /// The name as part of a file name.
    package var fileName: String { Self.fileName(name) }

    /// A name as part of a file name: ASCII letters and digits, the rest as hyphens.
    package static func fileName(_ name: String) -> String {
        String(
            name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-" })
    }
}

/// Why a list of settings cannot be compared.
package enum MergeSettingError: Error, Equatable, CustomStringConvertible {
    case noName(String)
    case options(name: String, reason: String)
    case nothing
    case twice(String)
    case tooMany(count: Int, limit: Int)

    /// The problem and its remedy.
    package var description: String {
        switch self {
        case .noName(let text):
            "the setting \"\(text)\" has no name; write \"name: --merge tome --merge-ratio 0.5\""
        case .options(let name, let reason): "setting \(name): \(reason)"
        case .nothing:
            """
            nothing to compare: give settings as --setting "name: --merge tome", or a file of them \
            with --settings
            """
        case .twice(let name):
            "two settings are called \(name) (as file names); give one another name"
        case .tooMany(let count, let limit): "\(count) settings; compare at most \(limit) at a time"
        }
    }

    /// Most settings of one comparison.
    package static let settingCountMax = 64

    /// Checks that settings are comparable: some, not too many, with different names.
    ///
    /// - Parameter others: settings that are included anyway.
    package static func check(
        _ settings: [MergeSetting], beside others: [MergeSetting] = [.unmerged]
    ) throws(MergeSettingError) {
        guard !settings.isEmpty else { throw .nothing }
        guard settings.count <= settingCountMax else {
            throw .tooMany(count: settings.count, limit: settingCountMax)
        }
        var names = Set(others.map(\.fileName))
        for setting in settings where !names.insert(setting.fileName).inserted {
            throw .twice(setting.name)
        }
    }
}
