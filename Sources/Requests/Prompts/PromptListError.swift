// SPDX-License-Identifier: Apache-2.0

/// Something wrong with one prompt.
package struct PromptProblem: Sendable, Equatable, CustomStringConvertible {
    /// Where to look: `prompts.txt:3` or `-p 2`.
    package var origin: String
    /// What is wrong and what to do.
    package var message: String
    /// The field that is wrong, by the name that it was given; `nil` where that is none of one prompt.
    package var field: String?
    /// Whether what stands there is of another type than is asked for, whatever its value.
    package var isOfType: Bool

    /// Makes a problem.
    package init(origin: String, message: String, field: String? = nil, isOfType: Bool = false) {
        self.origin = origin
        self.message = message
        self.field = field
        self.isOfType = isOfType
    }

    package var description: String { "\(origin): \(message)" }
}

/// Why a list of prompts cannot be used.
package enum PromptListError: Error, Equatable, CustomStringConvertible {
    /// The file cannot be read; `reason` is the system's.
    case unreadable(source: String, reason: String)
    /// The file has more bytes than `PromptList.byteCountMax`.
    case tooLarge(source: String)
    /// There are more lines or prompts than are read; `what` is how many.
    case tooMany(source: String, what: String)
    /// A byte does not belong to UTF-8 text; offset from 0, line from 1.
    case notUTF8(source: String, byteOffset: Int, line: Int)
    /// The text is UTF-16, as Windows' editors save it under the name "Unicode", or UTF-32.
    case utf16(source: String)
    /// It holds a NUL, which no text does; line from 1.
    case notText(source: String, line: Int)
    /// It begins as a JSON document and is none; `reason` is the parser's.
    case json(source: String, reason: String)
    /// It is of another format than prompts have.
    case foreign(source: String, what: String)
    /// There is no prompt.
    case empty(source: String)
    /// What a prompt leaves to the settings of all is impossible.
    case settings(String)
    /// Everything that is wrong with the prompts.
    case problems([PromptProblem])

    package var description: String {
        switch self {
        case .unreadable(let source, let reason): "cannot read prompts from \(source): \(reason)"
        case .tooLarge(let source):
            "\(source) has more than \(PromptList.byteCountMax >> 20) MiB; split it"
        case .tooMany(let source, let what): "\(source) has more than \(what); divide it"
        case .notUTF8(let source, let byteOffset, let line):
            """
            \(source):\(line): not UTF-8 text (byte \(byteOffset)); save the file as UTF-8, e.g. \
            with: iconv -f latin1 -t utf-8
            """
        case .utf16(let source): "\(source) is UTF-16 or UTF-32 text; save it as UTF-8"
        case .notText(let source, let line):
            "\(source):\(line): a NUL byte, so this is no text; \(PromptListError.forms)"
        case .json(let source, let reason):
            "\(source) begins as JSON but is not: \(reason); \(PromptListError.forms)"
        case .foreign(let source, let what):
            "\(source) is \(what), not a list of prompts; \(PromptListError.forms)"
        case .empty(let source): "\(source) has no prompt; write one per line"
        case .settings(let problem): problem
        case .problems(let problems):
            problems.prefix(PromptListError.problemCountMax).map(\.description)
                .joined(separator: "\n")
                + (problems.count > PromptListError.problemCountMax
                    ? "\n… and \(problems.count - PromptListError.problemCountMax) more" : "")
        }
    }

    /// What a prompt file may be, for messages.
    static let forms = """
        a prompt file has one prompt or one JSON object per line, or is one JSON array of texts or \
        objects, or one object
        """

    /// Problems after which nothing more is read: what is not a list of prompts at all would take
    /// seconds to be told so line by line.
    static let readProblemCountMax = 1000

    /// Most problems that the description spells out.
    private static let problemCountMax = 50
}
