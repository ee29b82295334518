// SPDX-License-Identifier: Apache-2.0

/// The words of this program's command line.
package enum ProgramWords {
    /// All words after the program's name.
    ///
    /// Swift's own list of them holds U+FFFD where bytes are no UTF-8: another prompt, another
    /// folder than the one that was named.
    ///
    /// - Throws: `ProgramWordError` for the first such word.
    package static func read() throws(ProgramWordError) -> [String] {
        let count = Int(CommandLine.argc)
        var words: [[UInt8]] = []
        for index in 0..<count {
            guard let word = CommandLine.unsafeArgv[index] else { break }
            words.append(
                UnsafeBufferPointer(start: word, count: length(of: word)).map {
                    UInt8(bitPattern: $0)
                })
        }
        return try decode(words.dropFirst())
    }

    /// Words as texts.
    ///
    /// - Parameter words: their bytes, without the program's name.
    /// - Throws: `ProgramWordError` for the first that is no UTF-8.
    package static func decode(
        _ words: some Sequence<[UInt8]>
    ) throws(ProgramWordError) -> [String] {
        var texts: [String] = []
        for bytes in words {
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw ProgramWordError(number: texts.count + 1, bytes: bytes)
            }
            texts.append(text)
        }
        return texts
    }

    private static func length(of word: UnsafePointer<CChar>) -> Int {
        var length = 0
        while word[length] != 0 { length += 1 }
        return length
    }
}

/// A word of the command line that is no UTF-8 text.
package struct ProgramWordError: Error, Equatable, CustomStringConvertible {
    /// Longest part of the word that the message quotes, in bytes.
    private static let quotedByteCountMax = 60

    /// Its place, from 1.
    package var number: Int
    /// What it holds.
    package var bytes: [UInt8]

    /// Makes an error.
    package init(number: Int, bytes: [UInt8]) {
        self.number = number
        self.bytes = bytes
    }

    package var description: String {
        """
        argument \(number) is not UTF-8 text: \(quoted); set the terminal to UTF-8, rename a file \
        or folder that is called so, and put a prompt in another encoding through: \
        iconv -f latin1 -t utf-8
        """
    }

    /// ASCII as it is, every other byte as shells write it in `$'…'`.
    private var quoted: String {
        var text = "$'"
        for byte in bytes.prefix(Self.quotedByteCountMax) {
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\\"):
                text += "\\" + String(UnicodeScalar(byte))
            case 0x20..<0x7F: text.unicodeScalars.append(UnicodeScalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return text + (bytes.count > Self.quotedByteCountMax ? "'…" : "'")
    }
}
