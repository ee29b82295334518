// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Testing

/// Key files, and that no key is shown.
@Suite struct ClusterKeyTests {
    @Test func keysAreReadFromOneGoodLine() throws {
        let hex = "00112233445566778899aabbccddeeff"
        for good in [hex, hex + "\n", hex + "\r\n", "\n" + hex + "\n\n"] {
            #expect(throws: Never.self) { try ClusterKey(fileContent: Array(good.utf8)) }
        }
        let bad: [(String, ClusterKeyError)] = [
            ("", .empty), ("\n \n", .empty), (String(hex.dropLast()), .tooShort(31)),
            (hex + "\n" + hex, .severalLines), (hex + " x", .strangeCharacters),
            (hex + "é", .strangeCharacters), (String(repeating: "ab", count: 32), .repetitive),
            (String(repeating: hex, count: 200), .tooLong),
        ]
        for (text, error) in bad {
            #expect(throws: error) { try ClusterKey(fileContent: Array(text.utf8)) }
            #expect(error.description.contains("openssl rand -hex 32"))
        }
    }

    @Test func keysAreNeverPrinted() {
        let (key, text) = ClusterKey.random()
        #expect(text.count == 64 && text != ClusterKey.random().text)
        var dumped = ""
        dump(ClusterSecurity(key: key), to: &dumped)
        for shown in ["\(key)", String(reflecting: key), "\(ClusterSecurity(key: key))", dumped] {
            #expect(!shown.contains(text) && !shown.contains("bytes"), "\(shown)")
        }
    }
}
