// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Testing

@Suite struct ProgramWordsTests {
    @Test func textsAreTakenAsTheyAre() throws {
        let words = ["-p", "caf\u{E9} \u{1F3E0}", "", "e\u{301}"]
        let decoded = try ProgramWords.decode(words.map { Array($0.utf8) })
        #expect(decoded.map { Array($0.utf8) } == words.map { Array($0.utf8) })
    }

    @Test func otherEncodingsAreRefusedWithTheWord() {
        let latin1 = Array("it's caf".utf8) + [0xE9, 0x09]
        let error = #expect(throws: ProgramWordError(number: 2, bytes: latin1)) {
            try ProgramWords.decode([Array("-p".utf8), latin1])
        }
        #expect("\(error!)".contains(#"argument 2 is not UTF-8 text: $'it\'s caf\xe9\x09'"#))
    }

    @Test func longWordsAreCut() {
        let word = [UInt8](repeating: 0xFF, count: 100_000)
        #expect("\(ProgramWordError(number: 1, bytes: word))".utf8.count < 600)
    }

    @Test func theProcessReadsItsOwnWords() throws {
        #expect(try ProgramWords.read() == Array(CommandLine.arguments.dropFirst()))
    }
}
