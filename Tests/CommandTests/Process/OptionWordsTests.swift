// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Requests
import Testing

@Suite struct OptionWordsTests {
    /// One of each kind, beside the programs' own.
    private struct Sample: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sample")

        @OptionGroup var prompts: PromptOptions
        @OptionGroup var generation: GenerationOptions
        @OptionGroup var merging: MergeOptions
        @Option(name: .shortAndLong) var output = "out"
        @Flag(name: .shortAndLong) var quiet = false
        @Option(parsing: .upToNextOption) var lag = [1]
        @Argument var rest: [String] = []
    }

    private struct Outer: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "outer", subcommands: [Inner.self])
    }

    private struct Inner: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "inner")
        @Option var depth = 0
    }

    private func parse(_ words: String...) throws -> Sample {
        let joined = OptionWords(of: Sample.self).joined(words)
        return try #require(try Sample.parseAsRoot(joined) as? Sample)
    }

    @Test func numbersMayBeNegative() throws {
        #expect(try parse("-s", "-1").generation.seedChoice == .random)
        #expect(try parse("--seed", "-1").generation.seedChoice == .random)
        #expect(try parse("--cfg-scale", "-3").generation.cfgScale == -3)
        #expect(try parse("--cfg-scale", "-.5e1").generation.cfgScale == -5)
        #expect(try parse("--lag", "-1", "5").lag == [-1, 5])
        #expect(try parse("-qs", "-1", "-H", "-8").generation.height == -8)
        #expect(try parse("-qs", "-1").quiet)
    }

    @Test(arguments: [
        "-blurry, text", "-blurry", "- a red house", "-- a red house", "--- a red house ---",
        "--steps of stone", "-hot", "-", "–dash", "-=-", "---",
    ])
    func textsMayBeginWithHyphens(_ text: String) throws {
        #expect(try parse("-n", text).generation.negativePrompt == text)
        let sample = try parse("--prompt", text, "-q", "-p", text, "--output", text, "rest")
        #expect(sample.prompts.prompt == [text, text])
        #expect(sample.output == text)
        #expect(sample.quiet)
        #expect(sample.rest == ["rest"])
    }

    /// A forgotten value is reported, not used as a prompt.
    @Test(arguments: [
        ["-p", "--steps", "5"], ["-p", "-q"], ["-o", "--quiet"], ["-p", "--stepz", "5"],
        ["-p", "--seed=5"], ["-n", "-b4"], ["-o", "-qs", "5"], ["-p"], ["-o", "--no-merge-attn"],
        ["-p", "--"], ["-p", "-qh"], ["-p", "--version=2"],
    ])
    func optionsAreNoValues(_ words: [String]) throws {
        #expect(OptionWords(of: Sample.self).joined(words) == words)
        #expect(throws: (any Error).self) { try Sample.parseAsRoot(words) }
    }

    @Test func anEqualsSignTakesAnything() throws {
        #expect(try parse("--prompt=--help").prompts.prompt == ["--help"])
        #expect(try parse("-p=-q").prompts.prompt == ["-q"])
    }

    @Test func helpStaysHelp() {
        let words = ["-p", "a", "--help"]
        #expect(OptionWords(of: Sample.self).joined(words) == words)
        #expect(OptionWords(of: Sample.self).joined(["-p", "--help"]) == ["-p", "--help"])
    }

    @Test func nothingIsJoinedBehindTheTerminator() {
        let words = ["-q", "--", "-s", "-1"]
        #expect(OptionWords(of: Sample.self).joined(words) == words)
    }

    @Test func subcommandsHaveTheirOwnOptions() throws {
        let words = OptionWords(of: Outer.self).joined(["inner", "--depth", "-4"])
        #expect(words == ["inner", "--depth=-4"])
        let inner = try #require(try Outer.parseAsRoot(words) as? Inner)
        #expect(inner.depth == -4)
    }

    @Test func everyOptionOfEveryGroupTakesANegativeNumber() {
        let names = [
            "--merge-ratio", "--merge-importance-pool", "--eta", "--clip-skip", "-W", "-b",
        ]
        for name in names {
            #expect(OptionWords(of: Sample.self).joined([name, "-1"]) == ["\(name)=-1"])
        }
    }
}
