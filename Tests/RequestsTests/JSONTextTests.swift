// SPDX-License-Identifier: Apache-2.0

import Foundation
import Requests
import Testing

/// JSON that a terminal may show, whatever strangers put into it.
@Suite struct JSONTextTests {
    static let hostile =
        "a\u{0}\u{1B}[2J\u{7F}\u{9B}31m\u{9D}0;x\u{9C}\u{202E}gnp.\u{2066}\u{200B}"
        + "\u{2028}\u{2029}\u{FEFF}\u{AD}\u{61C}\u{E0041}\n\t\"\\ é 雪 🏠"

    private struct Value: Codable, Equatable { var text: String }

    @Test func hiddenCharactersAreSpelledByNumber() throws {
        let value = Value(text: Self.hostile)
        let texts = [
            JSONText.quoted(Self.hostile), try JSONText.line(value),
            String(decoding: try JSONText.file(value), as: UTF8.self),
        ]
        for text in texts {
            let hidden = text.unicodeScalars.filter { $0.isHidden && $0 != "\n" }
            #expect(hidden.isEmpty, "\(hidden.map(\.value))")
            for part in ["\\u009b31m", "\\u202e", "\\u200b", "\\ufeff", "\\udb40\\udc41", "é 雪 🏠"] {
                #expect(text.contains(part), "\(part)")
            }
        }
        #expect(!texts[0].contains("\n") && !texts[1].contains("\n"))
    }

    @Test func nothingIsLostOnTheWayBack() throws {
        let value = Value(text: Self.hostile)
        #expect(try JSONText.decode(Value.self, from: JSONText.line(value).utf8) == value)
        #expect(try JSONText.decode(Value.self, from: JSONText.file(value)) == value)
        let all = String(
            String.UnicodeScalarView(
                (0...0x10FFFF as ClosedRange<UInt32>).compactMap(Unicode.Scalar.init)))
        let back = try JSONDecoder().decode(
            [String].self, from: Data("[\(JSONText.quoted(all))]".utf8))
        #expect(back[0].unicodeScalars.elementsEqual(all.unicodeScalars))
    }

    @Test func whatIsHidden() {
        for scalar in [
            "\u{0}", "\n", "\u{1F}", "\u{7F}", "\u{80}", "\u{9F}", "\u{AD}", "\u{200D}",
            "\u{2028}", "\u{2029}", "\u{202A}", "\u{2069}", "\u{FEFF}", "\u{E0001}",
        ] as [Unicode.Scalar] {
            #expect(scalar.isHidden, "\(scalar.value)")
        }
        for scalar in [" ", "~", "\u{A0}", "é", "雪", "\u{301}", "\u{FE0F}", "🏠"] as [Unicode.Scalar]
        {
            #expect(!scalar.isHidden, "\(scalar.value)")
        }
    }
}
