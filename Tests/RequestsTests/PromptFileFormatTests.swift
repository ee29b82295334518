// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import TestSupport
import Testing

/// Prompt files as editors and programs write them.
@Suite struct PromptFileFormatTests {
    private func parse(_ text: String) throws(PromptListError) -> PromptFile {
        try PromptList.parse(Array(text.utf8), source: "list.json")
    }

    private func refusal(_ bytes: [UInt8]) -> String {
        do throws(PromptListError) {
            let file = try PromptList.parse(bytes, source: "list.json")
            return "taken: \(file.entries.map(\.prompt))"
        } catch {
            return error.description
        }
    }

    private func refusal(_ text: String) -> String { refusal(Array(text.utf8)) }

    @Test(arguments: ["\n", "\r\n", "\r"]) func anyLineEndWillDo(_ end: String) throws {
        let lines = ["a red house", "", " a blue boat ", "# none", "a tree"]
        let file = try parse(lines.joined(separator: end) + end)
        #expect(file.entries.map(\.prompt) == ["a red house", "a blue boat", "a tree"])
        #expect(file.entries.map(\.origin) == ["list.json:1", "list.json:3", "list.json:5"])
        #expect(file.commentLineCount == 1)
    }

    @Test func skippedLinesAreCounted() throws {
        #expect(try parse("a\nb").notice == nil)
        #expect(
            try parse("#sunset\na").notice
                == "list.json: 1 line begins with # and was skipped as a comment")
        #expect(
            try parse("# x\na\n  # y\n#\n").notice
                == "list.json: 3 lines begin with # and were skipped as comments")
        #expect(try parse("# x\n[\"# a\"]").commentLineCount == 1)
    }

    @Test func arraysOfTextsAndObjectsAreRead() throws {
        let file = try parse(
            """

            # made by hand
            [
              "a red house",
              {"prompt": "a blue\\nboat", "seed": 18446744073709551615,
               "steps": 3},
              "[cat|dog]"
            ]

            """)
        #expect(file.entries.map(\.prompt) == ["a red house", "a blue\nboat", "[cat|dog]"])
        #expect(file.entries[1].seed == .fixed(.max))
        #expect(file.entries[1].settings.inferenceStepCount == 3)
        #expect(file.entries.map(\.origin).last == "list.json, entry 3")
        #expect(try parse("[\"a\",\"b\"]").entries.map(\.prompt) == ["a", "b"])
        #expect(try parse("\u{FEFF}[{\"prompt\": \"a\"}]").entries.map(\.prompt) == ["a"])
    }

    @Test func oneObjectIsReadHoweverItIsPrinted() throws {
        for text in [
            "{\n  \"prompt\": \"a house\",\n  \"steps\": 3\n}\n",
            "{ \"prompt\": \"a house\",\r\n  \"steps\": 3 }",
            "\n{\"prompt\":\"a house\",\"steps\":3}",
        ] {
            let entry = try #require(try parse(text).entries.first)
            #expect(entry.prompt == "a house")
            #expect(entry.settings.inferenceStepCount == 3)
        }
    }

    @Test func whatIsWrongInAnArrayIsReportedByEntry() {
        let text = refusal("[\"a\", {\"prompt\": \"b\", \"stepz\": 1}, {\"steps\": 2}, 5, [\"c\"]]")
        let lines = text.split(separator: "\n").map(String.init)
        let expected = [
            "list.json, entry 2: unknown setting 'stepz'; did you mean 'steps'?",
            "list.json, entry 3: no prompt", "list.json, entry 4: must be a text or an object",
            "list.json, entry 5: must be a text or an object",
        ]
        #expect(lines.count == expected.count, "\(lines)")
        for (line, expected) in zip(lines, expected) { #expect(line.hasPrefix(expected)) }
    }

    /// Each was drawn line by line, or could be.
    @Test(arguments: [
        (
            "{\n\"prompt\": \"a\"\n}\n{\n\"prompt\": \"b\"\n}\n",
            "list.json:4 begins as JSON but is not"
        ),
        ("[\"a\",\n\"b\",\n", "begins as JSON but is not"),
        ("[\"a\", 'b']", "begins as JSON but is not"),
        ("{\n  \"a\": 1\n}", "a JSON object without \"prompt\""), ("{}", "without \"prompt\""),
        ("{\"run\": {}, \"images\": []}", "the report of a run"),
        ("a house\n{\n\"prompt\": \"x\"\n}\n", "list.json:2 is a piece of JSON ('{')"),
        ("[\n1,\n2\n]", "list.json:1 is a piece of JSON ('[')"),
        ("\"a\",\n],\n", "list.json:2 is a piece of JSON ('],')"),
        ("{\\rtf1\\ansi a house}", "an RTF document"), ("<?xml version=\"1.0\"?>\n<a/>", "XML"),
        ("<!DOCTYPE html>\n<p>a house", "an HTML page"), ("%PDF-1.7\na", "a PDF document"),
        ("version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        ("---\n- prompt: a\n", "YAML"), ("- prompt: a\n- prompt: b", "YAML"),
        ("prompt,seed\na house,5\n", "CSV"), ("\"seed\";\"prompt\"\n5;a", "CSV"),
        ("prompt\tnegative_prompt\na\tb", "CSV"),
    ]) func otherFormatsAreRefusedWithTheFormsThatAreTaken(_ text: String, _ part: String) {
        let refusal = refusal(text)
        #expect(refusal.contains(part), "\(refusal)")
        #expect(refusal.contains("one JSON array of texts or"), "\(refusal)")
    }

    @Test func listsThatLookAlikeStayLists() throws {
        for text in [
            "prompt, seed and soil", "a, b\nc", "[cat|dog]\nb", "{red|blue} house\nb", "<3\n1",
        ] {
            #expect(try parse(text).entries.count == text.split(separator: "\n").count)
        }
    }

    @Test func anEmptyArrayHasNoPrompt() {
        #expect(throws: PromptListError.empty(source: "list.json")) { try parse("[ ]") }
    }

    @Test func textInOtherEncodingsIsRefused() {
        let text = "a red house\na café"
        let little = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        let big = text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        let long = text.unicodeScalars.flatMap {
            [0, 0, UInt8($0.value >> 8), UInt8($0.value & 0xFF)]
        }
        for bytes in [little, big, long, [0xFF, 0xFE] + little, [0, 0, 0xFE, 0xFF] + long] {
            #expect(refusal(bytes).contains("UTF-16 or UTF-32 text; save it as UTF-8"))
        }
        let binary = Array("a red house\r\nand\u{0}more of the same".utf8)
        #expect(refusal(binary).hasPrefix("list.json:2: a NUL byte, so this is no text"))
        let latin1 = Array("a\rb\r\nc\ncaf".utf8) + [0xE9]
        #expect(refusal(latin1).hasPrefix("list.json:4: not UTF-8 text (byte 10)"))
    }

    @Test func charactersThatAreNoneAreRefused() {
        for text in [
            #"{"prompt": "a \ud83d house"}"#, #"{"prompt": "\udc00"}"#,
            #"["\ud83d\ud83d"]"#, #"[{"prompt": "a", "negative_prompt": "\ud800"}]"#,
        ] {
            #expect(refusal(text).contains("a lone surrogate"), "\(refusal(text))")
        }
        #expect(refusal(#"{"prompt": "a\u0000b"}"#).contains("NUL character"))
        #expect(refusal(#"["a\u0000b"]"#).contains("entry 1: prompt holds a NUL character"))
    }

    @Test func faultsOfJSONAreNamedWithTheirPlace() {
        #expect(refusal("\n[\"a\",\r\n\"b\" \"c\"]").hasPrefix("list.json:3 begins as JSON"))
        #expect(refusal("x\n{\"prompt\": \"a\" 5}").contains("list.json:2: not valid JSON: "))
        #expect(refusal("{\"prompt\": \"a\", \"steps\": 1e999}").contains("out of range"))
        #expect(refusal("[\"a\",").contains("it ends too early"))
    }

    @Test func pairsOfSurrogatesAreCharacters() throws {
        #expect(try parse(#"["\ud83c\udfe0"]"#).entries.map(\.prompt) == ["🏠"])
        #expect(try parse(#"["a \\ud800 b"]"#).entries.map(\.prompt) == [#"a \ud800 b"#])
    }

    @Test func optionsAreNoValuesOnPromptLines() throws {
        #expect(refusal("--prompt --steps 5").contains("list.json:1: --prompt has no value"))
        #expect(try parse("--prompt a --seed -1").entries[0].seed == .random)
        #expect(try parse("--prompt '- a house'").entries[0].prompt == "- a house")
    }
}
