// SPDX-License-Identifier: Apache-2.0

/// GPT-2's reversible alphabet: one printable character for each byte.
///
/// Printable Latin-1 bytes represent themselves, the other 68 take the characters from U+0100 on
/// (`bytes_to_unicode` of the reference code, `ByteLevel` of the tokenizers library).
enum ByteAlphabet {
    /// The character of each byte.
    static let characters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (UInt32(0)..<256).map { byte in
            let printable =
                (0x21...0x7e).contains(byte) || (0xa1...0xac).contains(byte)
                || (0xae...0xff).contains(byte)
            defer { if !printable { next += 1 } }
            return Unicode.Scalar(printable ? byte : next) ?? "\u{fffd}"
        }
    }()

    private static let bytes = [Unicode.Scalar: UInt8](
        uniqueKeysWithValues: characters.enumerated().map { ($1, UInt8($0)) })

    /// The bytes represented by a token's characters; the token's own UTF-8 if it contains others.
    static func bytes(of token: String) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in token.unicodeScalars {
            guard let byte = bytes[scalar] else { return Array(token.utf8) }
            result.append(byte)
        }
        return result
    }
}
