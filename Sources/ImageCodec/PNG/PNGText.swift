// SPDX-License-Identifier: Apache-2.0

/// A keyword and a text stored in a PNG file.
package struct PNGText: Sendable, Hashable {
    /// 1 to 79 printable Latin-1 characters, such as `parameters`.
    package var keyword: String
    /// Any text; NUL, which PNG cannot hold, is written as a space.
    package var text: String

    /// Pairs a keyword with a text.
    package init(keyword: String, text: String) {
        self.keyword = keyword
        self.text = text
    }

    /// The chunk for this text: `tEXt` if Latin-1 can encode it, otherwise uncompressed `iTXt` in
    /// UTF-8, which is the choice of Pillow's `PngInfo.add_text` and what A1111's readers expect.
    func chunk() throws(ImageCodecError) -> (name: String, bytes: [UInt8]) {
        guard
            let keywordBytes = PNGText.latin1(keyword), (1...79).contains(keywordBytes.count),
            keywordBytes.allSatisfy({ (32...126).contains($0) || $0 >= 161 }),
            keywordBytes.first != 32, keywordBytes.last != 32
        else { throw .badKeyword(keyword) }
        if let textBytes = PNGText.latin1(text) {
            return ("tEXt", keywordBytes + [0] + textBytes.map { $0 == 0 ? 32 : $0 })
        }
        // After the keyword: not compressed, method 0, no language, no translated keyword.
        return ("iTXt", keywordBytes + [0, 0, 0, 0, 0] + text.utf8.map { $0 == 0 ? 32 : $0 })
    }

    /// The text's Latin-1 bytes, or `nil` if a character has none.
    static func latin1(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            guard scalar.value < 256 else { return nil }
            bytes.append(UInt8(scalar.value))
        }
        return bytes
    }

    /// The text represented by Latin-1 bytes.
    static func string(latin1 bytes: some Sequence<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        for byte in bytes { text.append(Unicode.Scalar(byte)) }
        return String(text)
    }
}
