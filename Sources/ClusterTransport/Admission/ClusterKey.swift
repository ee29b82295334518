// SPDX-License-Identifier: Apache-2.0

internal import Digests
import GenerationTypes

/// The secret that a cluster's programs share; never on the wire, never printed.
package struct ClusterKey: Sendable {
    /// Fewest characters: 32 hexadecimal digits are 128 bits.
    package static let characterCountMin = 32
    /// Most bytes of a key file.
    package static let fileByteCountMax = 4096
    /// Fewer different characters than this are no random key.
    private static let distinctCountMin = 8
    /// Bytes of a key that a program makes for itself.
    private static let randomByteCount = 32
    /// Names what the secret is for, so that it is of no use elsewhere.
    private static let label = "retom TLS PSK 1\n"

    /// What TLS calls the pre-shared key: 32 bytes made from the file's line.
    let preSharedKey: [UInt8]

    /// A new key, for processes that end with this one.
    package static func random() -> (key: ClusterKey, text: String) {
        var random = SystemRandomNumberGenerator()
        let text = Hexadecimal.text(
            (0..<randomByteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        return (ClusterKey(line: Array(text.utf8)), text)
    }

    /// Reads a key file: one line of at least 32 visible ASCII characters, chosen at random.
    ///
    /// - Throws: what is wrong with it, without quoting it.
    package init(fileContent: [UInt8]) throws(ClusterKeyError) {
        guard fileContent.count <= Self.fileByteCountMax else { throw .tooLong }
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0D]
        let lines = fileContent.split(separator: UInt8(ascii: "\n")).map { line in
            Array(line.reversed().drop(while: blanks.contains).reversed())
        }.filter { !$0.isEmpty }
        guard let line = lines.first else { throw .empty }
        guard lines.count == 1 else { throw .severalLines }
        guard line.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .strangeCharacters }
        guard line.count >= Self.characterCountMin else { throw .tooShort(line.count) }
        guard Set(line).count >= Self.distinctCountMin else { throw .repetitive }
        self.init(line: line)
    }

    private init(line: [UInt8]) {
        preSharedKey = SHA256.hash(data: Array(Self.label.utf8) + line)
    }
}

extension ClusterKey: CustomStringConvertible, CustomReflectable {
    /// No log shows more.
    package var description: String { "(a key)" }

    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a text is no key.
package enum ClusterKeyError: Error, Equatable {
    case empty
    case severalLines
    case strangeCharacters
    case tooShort(Int)
    case tooLong
    case repetitive
}

extension ClusterKeyError: CustomStringConvertible {
    /// How to make one that is good.
    package static let remedy = "make one with  (umask 077; openssl rand -hex 32 > retom.key)"

    package var description: String {
        let problem =
            switch self {
            case .empty: "it is empty"
            case .severalLines: "it has more than one line"
            case .strangeCharacters: "it has other characters than visible ASCII ones"
            case .tooShort(let count):
                "\(count) characters are too few; \(ClusterKey.characterCountMin) are needed"
            case .tooLong: "it has more than \(ClusterKey.fileByteCountMax) bytes"
            case .repetitive: "it repeats a few characters and was not made at random"
            }
        return "\(problem); \(Self.remedy)"
    }
}
