// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc
import Requests
import TestSupport
import Testing

@Suite struct PromptListTests {
    private func parse(_ text: String) throws(PromptListError) -> [PromptEntry] {
        try PromptList.parse(Array(text.utf8), source: "list.txt").entries
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try parse(text)
        } catch .problems(let problems) {
            return problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
        return []
    }

    @Test func plainLinesArePrompts() throws {
        let entries = try parse("a red house\n\n  # a comment\n\t a blue boat  \n#\n")
        #expect(entries.map(\.prompt) == ["a red house", "a blue boat"])
        #expect(entries.map(\.origin) == ["list.txt:1", "list.txt:4"])
        #expect(entries[0] == PromptEntry(prompt: "a red house", origin: "list.txt:1"))
    }

    @Test func byteOrderMarkAndWindowsLineEndsAreFine() throws {
        let entries = try parse("\u{FEFF}a red house\r\na blue boat\r\n")
        #expect(entries.map(\.prompt) == ["a red house", "a blue boat"])
    }

    @Test func awkwardPromptsStayPrompts() throws {
        let lines = [
            "{red|blue} house", "{ red | blue } house", "[cat|dog]", "a cat -- oil on canvas",
            "it's a \"quoted\" house", "-n is no option here", "雪の家 🏠", "[[cat]]", "{a} house",
        ]
        #expect(try parse(lines.joined(separator: "\n")).map(\.prompt) == lines)
    }

    @Test func jsonLinesCarryTheirOwnSettings() throws {
        let line = """
            {"prompt": "a red house", "negative_prompt": "blur", "seed": 18446744073709551615, \
            "steps": 30, "cfg_scale": 6.5, "width": 320, "height": 256, "sampler_name": \
            "Euler a", "scheduler": "karras", "batch_size": 2, "n_iter": 3, "clip_skip": 2, \
            "eta": 0.25, "guidance_rescale": 0.5, "forecast": 3}
            """
        let entry = try #require(try parse(line).first)
        var expected = PromptEntry(prompt: "a red house", origin: "list.txt:1")
        expected.settings.negativePrompt = "blur"
        expected.seed = .fixed(.max)
        expected.settings.inferenceStepCount = 30
        expected.settings.guidanceScale = 6.5
        expected.settings.width = 320
        expected.settings.height = 256
        expected.settings.samplingMethod = .eulerAncestral
        expected.settings.sigmaSchedule = .karras
        expected.imageCount = 6
        expected.settings.clipSkip = 2
        expected.settings.eta = 0.25
        expected.settings.guidanceRescale = 0.5
        expected.settings.forecastInterval = 3
        #expect(entry == expected)
    }

    @Test func aRequestExportedFromA1111IsAccepted() throws {
        let line = #"""
            {"prompt":"a house","negative_prompt":"","styles":[],"seed":-1,"subseed":-1,"subseed_strength":0,"seed_resize_from_h":-1,"seed_resize_from_w":-1,"sampler_name":null,"scheduler":null,"batch_size":1,"n_iter":1,"steps":50,"cfg_scale":7.0,"width":512,"height":512,"restore_faces":null,"tiling":false,"do_not_save_samples":false,"do_not_save_grid":true,"eta":null,"denoising_strength":0,"s_noise":1.0,"s_churn":0,"override_settings":{"CLIP_stop_at_last_layers":2},"override_settings_restore_afterwards":true,"enable_hr":false,"hr_scale":2,"hr_upscaler":"Latent","script_args":[],"alwayson_scripts":{},"send_images":true}
            """#
        let entry = try #require(try parse(line).first)
        #expect(entry.seed == .random)
        #expect(entry.settings.inferenceStepCount == 50)
        #expect(entry.settings.clipSkip == 2)
        #expect(entry.settings.samplingMethod == nil)
    }

    @Test func optionLinesAreSplitAsShlexDoes() throws {
        let line = #"""
            --prompt "a \"red\" house" --negative_prompt 'low quality' --steps 30 --cfg_scale 7 --seed 5 --sampler_name "DPM++ 2M Karras" --width 512 --height 768 --batch_size 2
            """#
        let entry = try #require(try parse(line).first)
        #expect(entry.prompt == #"a "red" house"#)
        #expect(entry.settings.negativePrompt == "low quality")
        #expect(entry.settings.samplingMethod == .dpmPlusPlus2M)
        #expect(entry.settings.sigmaSchedule == .karras)
        #expect(entry.seed == .fixed(5))
        #expect(entry.imageCount == 2)
        #expect(entry.settings.height == 768)
    }

    @Test func unquotedPromptsGoOnToTheNextOption() throws {
        let entry = try #require(
            try parse("--prompt a red house --negative-prompt low quality --steps 5").first)
        #expect(entry.prompt == "a red house")
        #expect(entry.settings.negativePrompt == "low quality")
        #expect(entry.settings.inferenceStepCount == 5)
    }

    @Test func anExplicitScheduleWinsOverTheSamplersOldName() throws {
        let lines = """
            --prompt a --sampler_name "DPM++ 2M Karras" --scheduler exponential
            --prompt a --scheduler exponential --sampler_name "DPM++ 2M Karras"
            """
        #expect(try parse(lines).map(\.settings.sigmaSchedule) == [.exponential, .exponential])
    }

    @Test func everythingWrongIsReportedAtOnceWithItsLine() {
        let text = """
            a good prompt
            {"prompt": "a", "stepz": 3, "tiling": true}
            {"prompt": "a", "steps": 2.5, "seed": "x", "sampler_name": "DPM adaptive"}
            {"steps": 3}
            {"prompt": "a"
            --prompt "a
            --prompt a --steps
            --prompt a --steps 3 stray
            {"prompt": 5, "batch_size": 0}
            {"prompt": "a", "scheduler": "beta", "override_settings": {"sd_vae": "x"}}
            """
        let found = problems(text)
        let expected = [
            "list.txt:2: unknown setting 'stepz'; did you mean 'steps'?",
            "list.txt:2: 'tiling' is not supported; leave it out",
            "list.txt:3: no sampler 'DPM adaptive'; choose from ",
            "list.txt:3: seed must be a whole number up to 18446744073709551615, or -1",
            "list.txt:3: steps must be a whole number",
            "list.txt:4: no prompt",
            "list.txt:5: not valid JSON: ",
            "list.txt:6: a \" is never closed",
            "list.txt:7: --steps has no value",
            "list.txt:8: 'stray' is no option; put texts in quotes",
            "list.txt:9: batch_size must be at least 1",
            "list.txt:9: prompt must be text",
            "list.txt:10: override_settings.sd_vae is not supported",
            "list.txt:10: no scheduler 'beta'; choose from default, karras",
        ]
        #expect(found.count == expected.count, "\(found)")
        for (found, expected) in zip(found, expected) {
            #expect(found.hasPrefix(expected), "\(found)")
        }
    }

    @Test func unknownKeysOfTokenMergingAreReported() {
        let found = problems(
            """
            {"prompt": "a", "token_merging": {"method": "tome", "ratoi": 0.3, "window": 8}}
            {"prompt": "a", "token_merging": {"token_merging_strength": 1, "alpha": 2}}
            {"prompt": "a", "token_merging": 0.5}
            """)
        let expected = [
            "list.txt:1: unknown setting 'token_merging.ratoi'; did you mean 'ratio'?",
            "list.txt:2: unknown setting 'token_merging.token_merging_strength'",
            "list.txt:2: token_merging: alpha 2.0: choose",
            "list.txt:3: token_merging must be an object as in report.json",
        ]
        #expect(found.count == expected.count, "\(found)")
        for (found, expected) in zip(found, expected) {
            #expect(found.hasPrefix(expected), "\(found)")
        }
    }

    @Test func bytesThatAreNoTextAreNamed() {
        let latin1 = Array("a house\na caf".utf8) + [0xE9, 0x0A]
        #expect(throws: PromptListError.notUTF8(source: "f", byteOffset: 13, line: 2)) {
            try PromptList.parse(latin1, source: "f")
        }
        let marked: [UInt8] = [0xEF, 0xBB, 0xBF] + Array("ab\n".utf8) + [0xC0, 0x80]
        #expect(throws: PromptListError.notUTF8(source: "f", byteOffset: 6, line: 2)) {
            try PromptList.parse(marked, source: "f")
        }
        #expect(throws: PromptListError.utf16(source: "f")) {
            try PromptList.parse([0xFF, 0xFE, 0x61, 0x00], source: "f")
        }
    }

    @Test(arguments: ["", "\n\n", "# only comments\n", "\u{FEFF}", "   \r\n"])
    func filesWithoutPromptsAreRefused(text: String) {
        #expect(throws: PromptListError.empty(source: "list.txt")) { try parse(text) }
    }

    @Test func argumentsArePromptsAsTheyAre() {
        let entries = PromptList.entries(arguments: ["# a house", "{\"prompt\": 1}", ""])
        #expect(entries.map(\.prompt) == ["# a house", "{\"prompt\": 1}", ""])
        #expect(entries.map(\.origin) == ["-p 1", "-p 2", "-p 3"])
    }

    @Test func aLongListOfProblemsIsCut() {
        let lines = (0..<80).map { _ in "{\"prompt\": 1}" }.joined(separator: "\n")
        #expect(throws: PromptListError.self) { try parse(lines) }
        do {
            _ = try parse(lines)
        } catch {
            #expect("\(error)".split(separator: "\n").count == 51)
            #expect("\(error)".hasSuffix("… and 30 more"))
        }
    }
}
