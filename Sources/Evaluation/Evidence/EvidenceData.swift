// SPDX-License-Identifier: Apache-2.0

/// The measurements of one row's pictures so far.
///
/// Results of several runs, made on different days and clusters, add up: pictures are pure
/// functions of their requests.
package struct EvidenceData: Sendable, Equatable {
    /// The row's id.
    package let row: String
    package let conditions: EvidenceConditions
    /// By index, ascending.
    package private(set) var pictures: [EvidencePicture]

    package init(row: String, conditions: EvidenceConditions, pictures: [EvidencePicture] = []) {
        self.row = row
        self.conditions = conditions
        self.pictures = pictures.sorted { $0.index < $1.index }
    }

    /// Adds pictures; one that was measured before is replaced.
    ///
    /// - Throws: `EvidenceError` for pictures made under other conditions or of another prompt.
    package mutating func add(_ other: EvidenceData) throws(EvidenceError) {
        precondition(row == other.row, "rows \(row) and \(other.row)")
        if let difference = other.conditions.difference(from: conditions) {
            throw .otherConditions(row: row, difference: difference)
        }
        var byIndex = Dictionary(uniqueKeysWithValues: pictures.map { ($0.index, $0) })
        for picture in other.pictures {
            if let known = byIndex[picture.index], known.promptDigest != picture.promptDigest {
                throw .otherPrompt(row: row, index: picture.index)
            }
            byIndex[picture.index] = picture
        }
        pictures = byIndex.values.sorted { $0.index < $1.index }
    }
}

/// Why measurements cannot be combined.
package enum EvidenceError: Error, Equatable, CustomStringConvertible {
    case otherConditions(row: String, difference: String)
    case otherPrompt(row: String, index: Int)
    case unreadable(path: String)
    case damaged(path: String, reason: String)
    case noReport(path: String)
    case nothing(path: String)
    case noRow(path: String, study: String)
    case noReference(path: String)
    case noPictures(path: String)
    case noPrompts
    case fewPictures(count: Int)

    /// The problem and its remedy.
    package var description: String {
        switch self {
        case .otherConditions(let row, let difference):
            """
            the pictures of row \(row) were made with \(difference); measure them into another \
            directory with --data
            """
        case .otherPrompt(let row, let index):
            """
            picture \(index) of row \(row) was measured before with another prompt; plan with the \
            same prompts in the same order, or measure into another directory with --data
            """
        case .unreadable(let path): "cannot read \(path)"
        case .damaged(let path, let reason):
            "\(path) holds no measurements (\(reason)); restore it, or remove it and measure again"
        case .noReport(let path):
            """
            \(path) has no readable report.json; let the run end (retom-coord --resume \(path)) \
            and measure again
            """
        case .nothing(let path):
            "no measurements in \(path); plan, generate and measure pictures first"
        case .noRow(let path, let study):
            """
            no picture of \(path) belongs to a row of \(study); generate the prompt file that \
            "plan" wrote, and give "measure" the same --seed
            """
        case .noReference(let path):
            """
            \(path)/reference.safetensors is missing; measure with --real DIR, the directory of \
            real pictures
            """
        case .noPictures(let path): "no PNG or JPEG files in \(path) or folders below"
        case .noPrompts: "no prompts: give a file with --prompts"
        case .fewPictures(let count):
            "only \(count) pictures were measured in every row; a table needs two or more"
        }
    }
}
