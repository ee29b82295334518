// SPDX-License-Identifier: Apache-2.0

import Requests
import Testing

@Suite struct LoRATagTests {
    @Test(
        arguments: [
            ("snow", "snow", 1, 1), ("snow:0.8", "snow", 0.8, 0.8),
            ("snow:-0.5", "snow", -0.5, -0.5),
            ("snow:0.8:0.2", "snow", 0.8, 0.2), ("a b (v1.2):1", "a b (v1.2)", 1, 1),
            ("snow:te=0.5", "snow", 0.5, 0.5), ("snow:unet=0.5", "snow", 1, 0.5),
            ("snow:0.8:te=0.1:unet=0", "snow", 0.1, 0), ("snow:.5", "snow", 0.5, 0.5),
        ] as [(String, String, Float, Float)])
    func tagsAreRead(_ text: String, _ name: String, _ te: Float, _ unet: Float) throws {
        let tag = try LoRATag(parsing: text)
        #expect(tag.name == name && tag.textWeight == te && tag.unetWeight == unet)
        #expect(try LoRATag(parsing: tag.text) == tag)
    }

    @Test(arguments: [
        ("", "name is missing"), (":1", "name is missing"), ("a:b", "b is no weight"),
        ("a:", " is no weight"), ("a:nan", "nan is no weight"), ("a:1e9", "1e9 is no weight"),
        ("a:1:2:3", "3 is no weight"), ("a:dyn=1", "dyn=1 is no weight"), ("a:=1", "=1 is no"),
        ("a:te=", "te= is no weight"), ("../a", "not"), ("/etc/passwd", "not"),
        ("x\\y:1", "not"), ("a..b", "not"),
    ])
    func othersAreRefused(_ text: String, _ words: String) {
        let error = #expect(throws: LoRATagError.self) { try LoRATag(parsing: text) }
        if words == "not" {
            #expect("\(error!)".contains("without directory"), "\(error!)")
        } else {
            #expect("\(error!)".contains(words), "\(error!)")
        }
    }

    @Test func aNameTwiceIsAdded() throws {
        let tags = try ["a:1", "b", "a:0.5:-1"].map { try LoRATag(parsing: $0) }
        #expect(LoRATag.added(tags).map(\.text) == ["a:1.5:0.0", "b"])
    }

    @Test(arguments: [
        ("a house", "a house", []), ("<lora:x:0.5>a house", "a house", ["x:0.5"]),
        ("a <LoRA:x> house <lyco:y:1:2>", "a  house ", ["x", "y:1.0:2.0"]),
        ("<lora:x><lora:x>", "", ["x:2.0"]), ("<lora:雪 の:1> a", " a", ["雪 の"]),
        ("a < b <c:d> e>", "a < b <c:d> e>", []), ("<<lora:x>>", "<>", ["x"]),
        ("lora:x:1", "lora:x:1", []), ("<lora>", "<lora>", []),
    ])
    func promptsLoseTheirTags(_ prompt: String, _ text: String, _ tags: [String]) throws {
        #expect(PromptNetworks.removed(from: prompt) == text)
        #expect(try PromptNetworks.loras(in: prompt).map(\.text) == tags)
    }

    @Test(arguments: [
        ("a <lora:x:1", "<lora:x:1: a > is missing"), ("<lora:>", "name is missing"),
        ("<lora:../x:1>", "without directory"), ("<lora:x:red>", "red is no weight"),
        ("<lora:x:1> <hypernet:y:1>", "hypernetworks don't work"),
    ])
    func tagsThatCannotBeReadAreNamed(_ prompt: String, _ words: String) {
        let problem = PromptSyntaxNotice.problem(of: prompt)
        #expect(problem?.contains(words) == true, "\(problem ?? "none")")
    }

    @Test func longNonsenseIsReadInTime() {
        for piece in ["<", "<lora:", "<lora:x>", "<a:"] {
            let text = String(repeating: piece, count: 64 * 1024 / piece.count)
            _ = PromptNetworks.removed(from: text)
            _ = PromptSyntaxNotice.problem(of: text)
        }
    }

    @Test func allPromptsOfARunNameTheSame() throws {
        let same = PromptList.entries(arguments: [
            "<lora:x:0.5> a <lora:y>", "b <lora:y><lora:x:0.5>",
        ])
        #expect(try PromptLoRAs.shared(same).map(\.text) == ["x:0.5", "y"])
        #expect(try PromptLoRAs.shared([]).isEmpty)
        let others = PromptList.entries(arguments: ["a", "b", "c <lora:x:0.5>"])
        let error = #expect(throws: PromptListError.self) { try PromptLoRAs.shared(others) }
        #expect(
            "\(error!)".hasPrefix("-p 3: it has <lora:x:0.5> and -p 1 has no LoRA: "), "\(error!)")
    }
}
