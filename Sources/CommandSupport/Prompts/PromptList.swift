// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes
import Glibc

/// Reads prompts from arguments, files and standard input.
///
/// A prompt file is UTF-8 text with one prompt per line, in any mixture of three forms; blank lines
/// and lines that begin with `#` are skipped, a byte order mark and CRLF are fine:
/// - `a red house in the snow`: the line is the prompt;
/// - `{"prompt": "a red house", "seed": 7, "steps": 30}`: JSON with the names of A1111's txt2img;
/// - `--prompt "a red house" --steps 30`: A1111's prompts_from_file.
package enum PromptList {
    /// Largest prompt file.
    package static let byteCountMax = 64 << 20

    /// The prompts given as `-p`, in order.
    package static func entries(arguments: [String]) -> [PromptEntry] {
        arguments.enumerated().map { index, prompt in
            PromptEntry(prompt: prompt, origin: "-p \(index + 1)")
        }
    }

    /// Reads a prompt file.
    ///
    /// - Parameter path: A file, or `-` for standard input.
    /// - Throws: `unreadable`, `tooLarge`, or what `parse` throws.
    package static func read(path: String) throws(PromptListError) -> [PromptEntry] {
        let isStandardInput = path == "-"
        let source = isStandardInput ? "standard input" : path
        let descriptor = isStandardInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .unreadable(source: source, reason: String(cString: strerror(errno)))
        }
        defer { if !isStandardInput { close(descriptor) } }
        return try parse(contents(of: descriptor, source: source), source: source)
    }

    private static func contents(
        of descriptor: Int32, source: String
    ) throws(PromptListError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw .unreadable(source: source, reason: String(cString: strerror(errno)))
            }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= byteCountMax else { throw .tooLarge(source: source) }
        }
    }

    /// Reads the text of a prompt file.
    ///
    /// - Parameters:
    ///   - bytes: The file.
    ///   - source: Its name in messages.
    /// - Throws: `notUTF8`, `utf16`, `empty`, or `problems` with everything that is wrong.
    package static func parse(
        _ bytes: [UInt8], source: String
    ) throws(PromptListError) -> [PromptEntry] {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw .utf16(source: source)
        }
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        if let offset = firstInvalidByte(text) {
            let line = 1 + bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
            throw .notUTF8(source: source, byteOffset: offset, line: line)
        }
        var entries: [PromptEntry] = []
        var problems: [PromptProblem] = []
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let line = trimmed(String(decoding: line, as: UTF8.self))
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            var fields = PromptFields(origin: "\(source):\(index + 1)")
            read(line, into: &fields)
            problems += fields.problems
            entries.append(fields.entry)
        }
        guard problems.isEmpty else { throw .problems(problems) }
        guard !entries.isEmpty else { throw .empty(source: source) }
        return entries
    }

    private static func read(_ line: String, into fields: inout PromptFields) {
        if isObject(line) {
            readObject(line, into: &fields)
        } else if line.hasPrefix("--") {
            readOptions(line, into: &fields)
        } else {
            fields.set("prompt", to: .string(line))
            _ = fields.finish()
        }
    }

    /// A brace alone does not make JSON: prompts may begin with one, as in `{red|blue} house`.
    private static func isObject(_ line: String) -> Bool {
        guard line.hasPrefix("{") else { return false }
        let second = line.dropFirst().first { !$0.isWhitespace }
        return second == "\"" || second == "}"
    }

    private static func readObject(_ line: String, into fields: inout PromptFields) {
        do {
            let object = try JSONDecoder().decode([String: JSONValue].self, from: Data(line.utf8))
            for (key, value) in object.sorted(by: { $0.key < $1.key }) {
                fields.set(key, to: value)
            }
            _ = fields.finish()
        } catch {
            fields.report("not valid JSON: \(explanation(of: error))")
        }
    }

    /// The parser's words, without the line number that it counts within the line.
    private static func explanation(of error: any Error) -> String {
        guard case DecodingError.dataCorrupted(let context) = error else {
            return "an object was expected"
        }
        let inner = context.underlyingError.map { String(describing: $0) }
        return (inner ?? context.debugDescription)
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
            guard position < words.count else {
                fields.report("--\(name) has no value")
                break
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

    private static func trimmed(_ line: String) -> String {
        guard let start = line.firstIndex(where: { !$0.isWhitespace }),
            let end = line.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(line[start...end])
    }

    /// The offset of the first byte that breaks UTF-8; `nil` when the text is sound.
    private static func firstInvalidByte(_ bytes: ArraySlice<UInt8>) -> Int? {
        bytes.withUnsafeBufferPointer { (buffer) -> Int? in
            do throws(UTF8.ValidationError) {
                _ = try UTF8Span(validating: buffer.span)
                return nil
            } catch {
                return bytes.startIndex + error.byteOffsets.lowerBound
            }
        }
    }
}
