// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import GenerationTypes
import Requests
import Testing

/// The merge options of all programs.
@Suite("Merge options")
struct MergeOptionsTests {
    private func merging(_ options: String) throws -> TokenMergeConfiguration {
        try MergeOptions.parse(try ShellWords.split(options)).configuration
    }

    @Test func withoutOptionsReToMMergesWithItsBestSettings() throws {
        let merging = try merging("")
        #expect(merging == TokenMergeConfiguration())
        #expect(merging.method == "retom" && merging.ratio == 0.5 && merging.shiftsWindows)
        #expect(merging.maximumDownsample == 1)
        #expect(try self.merging("--merge none") == .none)
    }

    @Test func aProfileIsReToMsAndOptionsComeOnTop() throws {
        for profile in TokenMergeProfile.allCases {
            #expect(
                try merging("--merge-profile \(profile.rawValue)") == profile.configuration)
        }
        let merging = try merging("--merge-profile paper --merge-ratio 0.25 --merge-layers top")
        #expect(merging.ratio == 0.25 && merging.maximumDownsample == 1)
        #expect(!merging.shiftsWindows)
    }

    @Test(arguments: [("top", 1), ("2", 2), ("3", 4), ("all", 8)])
    func layersCountFromTheTop(text: String, downsample: Int) throws {
        #expect(try merging("--merge-layers \(text)").maximumDownsample == downsample)
    }

    /// A window larger than every map is clamped to it, a window of one token merges nothing.
    @Test(arguments: ["64", "1", "2,4096", "down:2,mid:8,up:2", "down:2/4/8,mid:8,up:4/8"])
    func anyWindowIsFine(text: String) throws {
        #expect(try merging("--merge-window \(text)").window.description == text)
    }

    @Test(
        arguments: [
            ("--merge-ratio 1.01", "from 0 to 1"), ("--merge-ratio -0.1", "merge-ratio"),
            ("--merge-ratio nan", "from 0 to 1"), ("--merge-ratio half", "merge-ratio"),
            ("--merge-window 0", "merge-window"), ("--merge-window 2,x", "merge-window"),
            ("--merge-period 0", "from 1 to 65535"), ("--merge-alpha 2", "merge-alpha"),
            ("--merge-refresh 0,-1", "merge-refresh"), ("--merge-refresh 1,,2", "merge-refresh"),
            ("--merge-refresh 70000", "--merge-refresh 0,5,12"),
            ("--merge-window down:2,mid:8", "merge-window"),
            ("--merge-window down:2,mid:8/4,up:2", "merge-window"),
            ("--merge-window down:2,mid:8,up:2,up:4", "merge-window"),
            ("--merge importance --merge-importance-pool 0.5", "from 1 to 1000"),
            ("--merge importance --merge-importance-pool 1e300", "from 1 to 1000"),
            ("--merge importance --merge-importance-pool inf", "from 1 to 1000"),
            ("--merge todo --merge-downsample-factor 9223372036854775807", "from 1 to 64"),
            ("--merge todo --merge-downsample-factor 0", "downsample_factor 0"),
            ("--merge tome --merge-sx 9223372036854775807", "from 1 to 512"),
            ("--merge importance --merge-importance-warmup -1", "merge-importance-warmup"),
            ("--merge-layers 5", "merge-layers"), ("--merge-destination best", "merge-destination"),
            ("--merge magic", "none|retom|tome|atc|importance|todo"),
            ("--merge todo --merge-scope qkv", "leave the scope out"),
            ("--merge-scope kv --merge-mlp", "merge_mlp off"), ("--merge-sx 0", "from 1 to 512"),
            ("--merge-profile best", "merge-profile"),
        ])
    func badValuesAreNamed(options: String, part: String) throws {
        let error = try #require(#expect(throws: (any Error).self) { try merging(options) })
        let message = MergeOptions.message(for: error)
        #expect(message.contains(part), "\(message)")
    }

    /// What has no effect is named instead of ignored.
    @Test(
        arguments: [
            ("--merge tome --merge-window 8", "--merge tome takes no --merge-window"),
            ("--merge tome --merge-profile quality", "--merge-profile quality is of --merge retom"),
            ("--merge none --merge-profile fast", "--merge-profile fast is of --merge retom"),
            ("--merge none --merge-ratio 0.3", "--merge none takes no --merge-ratio"),
            ("--merge todo --merge-ratio 0.3", "--merge todo takes no --merge-ratio"),
            ("--merge todo --merge-period 3", "--merge todo takes no --merge-period"),
            (
                "--merge atc --merge-sx 4 --no-merge-rand",
                "--merge atc takes no --merge-sx, --merge-rand"
            ),
            ("--merge-linkage single", "--merge retom takes no --merge-linkage"),
            ("--merge-importance-pool 2", "--merge retom takes no --merge-importance-pool"),
            ("--merge tome --merge-slice", "--merge tome takes no --merge-slice"),
            ("--merge-period 3 --merge-refresh 0,4", "exclude each other"),
            ("--merge importance --merge-sharing shared", "takes no --merge-sharing"),
        ])
    func optionsWithoutEffectAreRefused(options: String, part: String) throws {
        let error = try #require(#expect(throws: (any Error).self) { try merging(options) })
        let message = MergeOptions.message(for: error)
        #expect(message.contains(part), "\(message)")
    }

    /// What each method reads may be given with it.
    @Test(
        arguments: [
            "--merge retom --merge-profile paper", "--merge none",
            "--merge atc --merge-linkage single",
            "--merge tome --merge-sx 4 --merge-sy 3 --no-merge-rand --merge-mlp",
            "--merge importance --merge-rand --merge-features attention-input --merge-refresh 0,9",
            "--merge importance --merge-importance-pool 2 --merge-importance-warmup 0",
            "--merge todo --merge-scope kv --merge-downsample-factor 3 --merge-layers all",
            "--merge-sharing per-sample --merge-source rep --merge-alpha 0.5 --merge-window 4",
        ])
    func optionsWithEffectAreTaken(options: String) throws { _ = try merging(options) }

    /// Help is the table's: what, for which methods, from where to where, and the default.
    @Test func helpSaysWhatTheTableSays() {
        let help = MergeOptions.helpMessage(columns: 200)
        for option in TokenMergeOption.all { #expect(help.contains("--\(option.flag)")) }
        for part in [
            "--merge <none|retom|tome|atc|importance|todo>",
            "--merge-ratio <0…1>", "Share of the tokens that merges (default: 0.5).",
            "--merge-sx <1…512>", "Tokens per destination, across (tome, importance; default: 2).",
            "--merge-layers <top|2|3|all>", "or at all (default: top).",
            "--merge-importance-pool <1…1000>", "--merge-scope <qkv|kv>",
            "Draw destinations (tome, importance; default: on).",
        ] {
            #expect(help.contains(part), "\(part)\n\(help)")
        }
    }

    @Test func whatTheDocumentMarksCanBeConfigured() throws {
        #expect(try merging("--merge-refresh 0,5,12").refreshCalls == [0, 5, 12])
        #expect(try merging("--merge-slice").slicesSources)
        #expect(try !merging("--merge-profile paper").slicesSources)
        #expect(
            try merging("--merge-window up:2,down:4/8,mid:16").window
                == .stages(down: [4, 8], mid: 16, up: [2]))
        let importance = try merging(
            "--merge importance --merge-importance-pool 1.5 --merge-importance-warmup 4")
        #expect(importance.importancePool == 1.5 && importance.importanceWarmupCallCount == 4)
    }

    /// ToDo keeps one key in f²: that is its ratio, whatever the others merge.
    @Test func toDosRatioIsItsFactors() throws {
        #expect(try merging("--merge todo").ratio == 0.75)
        #expect(try merging("--merge todo --merge-downsample-factor 4").ratio == 1 - 1.0 / 16)
    }
}
