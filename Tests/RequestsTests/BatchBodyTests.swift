// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import Testing

/// What clients of a service may write.
@Suite struct BatchBodyTests {
    private func body(_ text: String) throws(PromptListError) -> BatchBody {
        try BatchBody(json: Array(text.utf8))
    }

    @Test func promptsAndSettings() throws {
        let body = try body(
            """
            {"prompts": ["a red house", {"prompt": "a boat", "seed": 7, "steps": 9, "n_iter": 2}],
             "settings": {"steps": 30, "width": 128, "seed": 5, "batch_size": 3,
                          "sampler_name": "Euler a"},
             "priority": "background", "note": "for me", "model": null}
            """)
        #expect(body.entries.map(\.prompt) == ["a red house", "a boat"])
        #expect(body.entries[0].settings == GenerationSettings())
        #expect(body.entries[1].seed == .fixed(7) && body.entries[1].imageCount == 2)
        #expect(body.entries[1].settings.inferenceStepCount == 9)
        #expect(body.settings.inferenceStepCount == 30 && body.settings.width == 128)
        #expect(body.settings.samplingMethod == .eulerAncestral && body.settings.height == nil)
        #expect(body.seed == .fixed(5) && body.batchCount == 3)
        #expect(body.priority == "background" && body.note == "for me" && body.model == nil)
    }

    @Test func whatIsLeftOutIsOpen() throws {
        let body = try body("{\"prompts\": [\"a\"]}")
        #expect(body.settings == GenerationSettings() && body.seed == .random)
        #expect(body.batchCount == 1 && body.priority == nil && body.note == nil)
    }

    @Test func linesAreAPromptFile() throws {
        let text = "a house\n# no\n{\"prompt\": \"a boat\", \"seed\": 3}\n"
        let body = try BatchBody(lines: Array(text.utf8))
        #expect(body.entries.map(\.prompt) == ["a house", "a boat"])
        #expect(body.entries[1].seed == .fixed(3))
    }

    /// All problems are reported at once, each with its place.
    @Test func problemsAreNamed() {
        let problems: [String]
        do {
            _ = try body(
                """
                {"prompts": ["a", 3, {"seed": "x"}], "settings": {"stepz": 4, "prompt": "b"},
                 "note": 7, "extra": 1}
                """)
            problems = []
        } catch PromptListError.problems(let found) {
            problems = found.map(\.description)
        } catch {
            problems = ["\(error)"]
        }
        for part in [
            "prompts[1]: must be a text", "prompts[2]: seed must be", "prompts[2]: no prompt",
            "settings: unknown setting 'stepz'", "settings: a prompt belongs", "note: must be text",
            "extra: unknown",
        ] {
            #expect(problems.contains { $0.hasPrefix(part) }, "\(part) in \(problems)")
        }
    }

    @Test(arguments: [
        "", "[]", "3", "{", "{\"prompts\": [\"a\"]", "{\"prompts\": [\"\\ud800\"]}", "null",
        "{\"prompts\": [1e999]}", String(repeating: "[", count: 100_000),
        "{\"prompts\": \(String(repeating: "[", count: 40))\(String(repeating: "]", count: 40))}",
        "{\"prompts\": [\(String(repeating: "0,", count: 100_001))0]}",
    ]) func whatIsNoObjectIsRefused(_ text: String) {
        #expect(throws: PromptListError.self) { try body(text) }
    }

    /// What is not meant as prompts at all is not judged to its end.
    @Test func readingEndsAfterAThousandProblems() {
        let object = "{\"a\": 1, \"prompt\": \"b\"}"
        let wrong = Array(repeating: object, count: 5000)
        let bodies: [() throws -> BatchBody] = [
            { try BatchBody(json: Array("{\"prompts\": [\(wrong.joined(separator: ","))]}".utf8)) },
            { try BatchBody(lines: Array(wrong.joined(separator: "\n").utf8)) },
        ]
        for read in bodies {
            do {
                _ = try read()
                Issue.record("it was read")
            } catch PromptListError.problems(let problems) {
                #expect(problems.count == 1000)
            } catch {
                Issue.record(error)
            }
        }
    }

    @Test func noPromptIsNoBatch() {
        #expect(throws: PromptListError.empty(source: "prompts")) { try body("{\"prompts\": []}") }
        #expect(throws: PromptListError.self) { try body("{}") }
    }

    /// Eight mebibytes of short lines would be gigabytes of prompts.
    @Test func promptFilesAreReadUpToACount() throws {
        func body(_ line: String, _ count: Int) throws -> BatchBody {
            try BatchBody(
                lines: Array(String(repeating: "\(line)\n", count: count).utf8), countMax: 10)
        }
        #expect(try body("a", 10).entries.count == 10)
        #expect(throws: PromptListError.tooMany(source: "line", what: "10 prompts")) {
            try body("a", 11)
        }
        #expect(throws: PromptListError.empty(source: "line")) { try body("# a", 200) }
        #expect(throws: PromptListError.tooMany(source: "line", what: "200 lines")) {
            try body("# a", 201)
        }
        let array = "[\(Array(repeating: "\"a\"", count: 11).joined(separator: ","))]"
        #expect(throws: PromptListError.tooMany(source: "line", what: "10 prompts")) {
            try body(array, 1)
        }
    }
}
