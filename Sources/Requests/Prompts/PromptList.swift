// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// Reads prompts: arguments, and the bytes of prompt files.
///
/// A prompt file is UTF-8 text, with or without a byte order mark. It is one JSON array of texts and
/// objects, or one JSON object, or has one prompt per line, in any mixture of three forms; lines end
/// with LF, CR LF or CR, blank lines and lines that begin with `#` are skipped:
/// - `a red house in the snow`: the line is the prompt;
/// - `{"prompt": "a red house", "seed": 7, "steps": 30}`: JSON with the names of A1111's txt2img;
/// - `--prompt "a red house" --steps 30`: A1111's prompts_from_file.
package enum PromptList {
    /// Largest prompt file.
    package static let byteCountMax = 64 << 20

    /// Lines of a prompt file for each prompt that it may have: comments, empty ones.
    private static let linesPerPromptMax = 20

    /// The prompts given as `-p`, in order.
    package static func entries(arguments: [String]) -> [PromptEntry] {
        arguments.enumerated().map { index, prompt in
            PromptEntry(prompt: prompt, origin: "-p \(index + 1)")
        }
    }

    /// Reads the text of a prompt file.
    ///
    /// - Parameters:
    ///   - bytes: The file.
    ///   - source: Its name in messages.
    ///   - dialect: How the keys of its JSON are judged.
    ///   - limits: How much JSON is read.
    ///   - countMax: How many prompts are read; more are an error.
    /// - Throws: `utf16`, `notText`, `notUTF8`, `foreign`, `json`, `empty`, or `problems` with
    ///   everything that is wrong.
    package static func parse(
        _ bytes: [UInt8], source: String, dialect: PromptDialect = .strict,
        limits: JSONLimits = .file, countMax: Int? = nil
    ) throws(PromptListError) -> PromptFile {
        if let countMax {
            let lineCountMax = countMax * linesPerPromptMax
            guard bytes.count(where: { $0 == 0x0A || $0 == 0x0D }) <= lineCountMax else {
                throw .tooMany(source: source, what: "\(lineCountMax) lines")
            }
        }
        let text = try PromptText(bytes, source: source)
        var file = PromptFile(source: source)
        var problems: [PromptProblem] = []
        func take(_ fields: PromptFields) throws(PromptListError) {
            if let countMax, file.entries.count == countMax {
                throw .tooMany(source: source, what: "\(countMax) prompts")
            }
            problems += fields.problems
            file.entries.append(fields.entry)
        }
        if let document = try PromptDocument.read(
            text, source: source, dialect: dialect, limits: limits)
        {
            for fields in document { try take(fields) }
            file.commentLineCount = text.lines.prefix { !$0.isSignificant }.count(
                where: \.isComment)
        } else {
            try ForeignFormat.refuse(text, source: source)
            for line in text.lines where line.isSignificant {
                guard problems.count < PromptListError.readProblemCountMax else { break }
                var fields = PromptFields(origin: "\(source):\(line.number)", dialect: dialect)
                read(line.text, into: &fields, limits)
                try take(fields)
            }
            file.commentLineCount = text.lines.count(where: \.isComment)
        }
        guard problems.isEmpty else { throw .problems(problems) }
        guard !file.entries.isEmpty else { throw .empty(source: source) }
        return file
    }

    private static func read(
        _ line: String, into fields: inout PromptFields, _ limits: JSONLimits
    ) {
        if isObject(line) {
            readObject(line, into: &fields, limits)
        } else if line.hasPrefix("--") {
            readOptions(line, into: &fields)
        } else {
            fields.set(["prompt": .string(line)])
        }
    }

    /// A brace alone does not make JSON: prompts may begin with one, as in `{red|blue} house`.
    private static func isObject(_ line: String) -> Bool {
        guard line.hasPrefix("{") else { return false }
        let second = line.dropFirst().first { !$0.isWhitespace }
        return second == "\"" || second == "}"
    }

    private static func readObject(
        _ line: String, into fields: inout PromptFields, _ limits: JSONLimits
    ) {
        do throws(JSONFault) {
            fields.set(try JSONObject.parse(Array(line.utf8)[...], limits: limits))
        } catch {
            let place = error.offset.map { " at byte \($0)" } ?? ""
            fields.report("not valid JSON: \(error.text)\(place)")
        }
    }

    private static func readOptions(_ line: String, into fields: inout PromptFields) {
        let words: [String]
        do {
            words = try ShellWords.split(line)
        } catch {
            return fields.report("\(error)")
        }
        var position = 0
        while position < words.count {
            let word = words[position]
            position += 1
            guard word.hasPrefix("--"), word.count > 2 else {
                fields.report("'\(word)' is no option; put texts in quotes")
                continue
            }
            let name = String(word.dropFirst(2))
            guard position < words.count, !PromptFields.isOption(words[position]) else {
                fields.report("--\(name) has no value")
                continue
            }
            var value = words[position]
            position += 1
            // As A1111 does: prompts go on to the next option, even without quotes.
            while ["prompt", "negative_prompt", "negative-prompt"].contains(name),
                position < words.count, !words[position].hasPrefix("--")
            {
                value += " " + words[position]
                position += 1
            }
            fields.set(name, to: .string(value))
        }
        _ = fields.finish()
    }
}
