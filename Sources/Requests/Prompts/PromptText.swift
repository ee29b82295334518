// SPDX-License-Identifier: Apache-2.0

/// The text of a prompt file, found to be text, and its lines.
struct PromptText {
    /// One line without its end and without white space around it.
    struct Line {
        /// From 1; LF, CR LF and CR alone end a line.
        var number: Int
        /// Where it begins, white space included.
        var offset: Int
        /// Its text.
        var text: String
        /// Whether it holds a prompt rather than nothing or a comment.
        var isSignificant: Bool { !text.isEmpty && !isComment }
        /// Whether it begins with `#`.
        var isComment: Bool { text.hasPrefix("#") }
    }

    /// All bytes.
    let file: [UInt8]
    /// UTF-8 without a byte order mark; indices are those of the file.
    let bytes: ArraySlice<UInt8>
    /// All lines in order.
    let lines: [Line]

    /// Looks at a file's bytes.
    ///
    /// - Throws: `utf16`, `notText` or `notUTF8`.
    init(_ file: [UInt8], source: String) throws(PromptListError) {
        if file.starts(with: [0xFF, 0xFE]) || file.starts(with: [0xFE, 0xFF]) {
            throw .utf16(source: source)
        }
        // UTF-8 text has no NUL, UTF-16 of European languages has one in most characters.
        if let offset = file.firstIndex(of: 0) {
            let count = file.count { $0 == 0 }
            if count * 4 >= file.count { throw .utf16(source: source) }
            throw .notText(source: source, line: Self.lineNumber(at: offset, in: file))
        }
        self.file = file
        bytes = file.starts(with: [0xEF, 0xBB, 0xBF]) ? file.dropFirst(3) : file[...]
        if let offset = Self.firstInvalidByte(bytes) {
            throw .notUTF8(
                source: source, byteOffset: offset, line: Self.lineNumber(at: offset, in: file))
        }
        lines = Self.split(bytes)
    }

    private static func split(_ bytes: ArraySlice<UInt8>) -> [Line] {
        var lines: [Line] = []
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(where: isLineEnd) ?? bytes.endIndex
            let text = trimmed(String(decoding: bytes[start..<end], as: UTF8.self))
            lines.append(Line(number: lines.count + 1, offset: start, text: text))
            start = end + lineEndLength(at: end, in: bytes)
        }
        return lines
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    /// 2 for CR LF.
    private static func lineEndLength(at index: Int, in bytes: ArraySlice<UInt8>) -> Int {
        let next = index + 1
        guard next < bytes.endIndex else { return 1 }
        return bytes[index] == 0x0D && bytes[next] == 0x0A ? 2 : 1
    }

    /// The line of a byte, from 1.
    static func lineNumber(at offset: Int, in bytes: [UInt8]) -> Int {
        let before = bytes[..<min(offset, bytes.count)]
        let pairs = zip(before, before.dropFirst()).count { $0 == 0x0D && $1 == 0x0A }
        return 1 + before.count(where: isLineEnd) - pairs
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
