// SPDX-License-Identifier: Apache-2.0

import Requests
import Testing

@Suite struct PromptSyntaxTests {
    private func found(_ prompt: String) -> [String] {
        PromptSyntax.found(in: prompt).map { "\($0.kind): \($0.text)" }
    }

    @Test(arguments: [
        ("a (red:1.4) house", ["weight: (red:1.4)"]), ("(a (b) c:0.8)", ["weight: (a (b) c:0.8)"]),
        ("(red: 1.4 )", ["weight: (red: 1.4 )"]), ("(red:2)", ["weight: (red:2)"]),
        ("(red:-.5)", ["weight: (red:-.5)"]), ("((red)) house", ["emphasis: ((red))"]),
        ("((red:1.3))", ["emphasis: ((red:1.3))", "weight: (red:1.3)"]),
        ("[[red]]", ["deemphasis: [[red]]"]), ("[red:blue:0.5]", ["editing: [red:blue:0.5]"]),
        ("[red::10] [blue:.5]", ["editing: [red::10]"]), ("[a|b] tree", ["alternation: [a|b]"]),
        ("{a|b|c} tree", ["alternation: {a|b|c}"]), ("girl \\(medium\\)", ["escape: \\("]),
        ("a __colour__ house", ["wildcard: __colour__"]),
        ("a house BREAK snow", ["chunkBreak: BREAK"]),
        ("a house,\nBREAK,\nsnow", ["chunkBreak: BREAK,"]), ("BREAK", ["chunkBreak: BREAK"]),
        ("a cat AND a dog :0.5", ["composition: AND"]),
        ("<lora:detail:0.8> a house", ["network: <lora:detail:0.8>"]),
        ("a house,<LoRA:x:1>", ["network: <LoRA:x:1>"]),
        ("<hypernet:x>", ["network: <hypernet:x>"]),
        ("<lyco:x:1>", ["network: <lyco:x:1>"]),
        ("embedding:easynegative", ["embedding: embedding:easynegative"]),
        ("bad, (embedding:ng:1.2)", ["weight: (embedding:ng:1.2)", "embedding: embedding:ng:1.2"]),
        ("BREAK (a:1.2) BREAK (b:1.3)", ["chunkBreak: BREAK", "weight: (a:1.2)"]),
    ]) func syntaxIsFound(_ prompt: String, _ expected: [String]) {
        #expect(found(prompt) == expected)
    }

    @Test(arguments: [
        "a house (red) in the snow", "a house (red (dark)) in snow", "a) a cat b) a dog",
        "a clock (at 12:30)", "a film still (16:9)", "(part: 2)", "ratio (4:3) [16:10]",
        "[sic] a hause",
        "a sad face :((", "a happy face :))", "a photo (f/1.8, ISO:400)", "Genesis (1:1)", "((",
        "[[ ",
        "ROCK AND ROLL poster", "a sign: TAKE A BREAK", "a sign \"BREAK\"", "sand and BREAKERS",
        "word embedding: a picture", "an embedding:", "5 < 6, lora: a name", "a | b",
        "snake_case_name",
        "a form ____ here", "a_b__c", "C:\\Windows at night", "it costs (about 1.5) euros",
        "(c) 2020: x",
        "{a} set", "[a, b]", "{\"a\": 1}", "雪（夜:1.4）", "", "time: 1.5", "x (y:)", "(:)",
        "(a:1.2.3)", "(a:1e3)",
    ]) func proseIsNot(_ prompt: String) {
        #expect(found(prompt) == [])
    }

    @Test func longNonsenseIsReadInTime() {
        let count = 64 * 1024
        for piece in ["(", "[)", "([{", "(a:", "(:1.5", "BREAK ", "__", "embedding:", "\\"] {
            let text = String(repeating: piece, count: count / piece.count)
            #expect(PromptSyntax.found(in: text + String(repeating: ")", count: count)).count < 4)
        }
    }

    @Test func oneWarningNamesEachKindOnceWithItsPlace() {
        var entries = PromptList.entries(arguments: [
            "a (red:1.4) house", "plain", "a (b:2) BREAK c",
        ])
        entries[1].settings.negativePrompt = "((ugly))"
        #expect(
            PromptSyntaxNotice.warning(entries, negativePrompt: "[a|b]") == """
                treated as plain text: retom has no prompt weights, editing, wildcards or BREAK: \
                [a|b] in --negative-prompt; (red:1.4) in -p 1 and 1 more; \
                ((ugly)) in the negative prompt of -p 2; BREAK in -p 3
                """)
        #expect(PromptSyntaxNotice.warning([entries[1]].map { $0 }, negativePrompt: "") != nil)
        let plain = PromptList.entries(arguments: ["a house (red)", "<lora:x:1>"])
        #expect(PromptSyntaxNotice.warning(plain) == nil)
    }

    @Test func longQuotationsAreCut() throws {
        let entries = PromptList.entries(arguments: ["(\(String(repeating: "x", count: 500)):1.2)"])
        #expect(try #require(PromptSyntaxNotice.warning(entries)).count < 200)
    }

    @Test func whatNeedsFilesIsRefusedInEveryPrompt() {
        var generator = SystemRandomNumberGenerator()
        var entries = PromptList.entries(arguments: [
            "a <lora:x:1> <hypernet:y:1>", "b", "(c:1.2)", "d <lora:x:1>",
        ])
        entries[1].settings.negativePrompt = "embedding:bad"
        let settings = GenerationSettings(width: 64, height: 64)
        let error = #expect(throws: PromptListError.self) {
            try RequestPlan(
                entries: entries, settings: settings, seed: .random, batchCount: 1,
                using: &generator)
        }
        let lines = "\(error!)".split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("-p 1: <hypernet:y:1>: hypernetworks don't work here"))
        #expect(lines[1].hasPrefix("-p 2: embedding:bad: a textual inversion is named by its word"))
        var shared = settings
        shared.negativePrompt = "<hypernet:x:1>"
        #expect(throws: PromptListError.self) {
            try RequestPlan(
                entries: [entries[2]], settings: shared, seed: .random, batchCount: 1,
                using: &generator)
        }
    }
}
