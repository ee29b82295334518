// SPDX-License-Identifier: Apache-2.0

import Evaluation
import GenerationTypes
import Testing

/// The merge options of all programs, read through a comparison's settings.
@Suite("Merge options")
struct MergeOptionsTests {
    private func merging(_ options: String) throws -> TokenMergeConfiguration {
        try MergeSetting(parsing: "a: \(options)").merging
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
    @Test(arguments: ["64", "1", "2,4096"])
    func anyWindowIsFine(text: String) throws {
        #expect(try merging("--merge-window \(text)").window.description == text)
    }

    @Test(
        arguments: [
            ("--merge-ratio 1.01", "from 0 to 1"), ("--merge-ratio -0.1", "merge-ratio"),
            ("--merge-ratio nan", "from 0 to 1"), ("--merge-ratio half", "merge-ratio"),
            ("--merge-window 0", "merge-window"), ("--merge-window 2,x", "merge-window"),
            ("--merge-period 0", "every step"), ("--merge-alpha 2", "merge-alpha"),
            ("--merge-layers 5", "merge-layers"), ("--merge-destination best", "merge-destination"),
            ("--merge magic", "none|retom|tome|atc|importance|todo"),
            ("--merge todo --merge-scope qkv", "leave the scope out"),
            ("--merge-scope kv --merge-mlp", "merge_mlp off"), ("--merge-sx 0", "sx and sy"),
            ("--merge-profile best", "merge-profile"),
        ])
    func badValuesAreNamed(options: String, part: String) {
        let error = #expect(throws: MergeSettingError.self) { try merging(options) }
        #expect(error.map { "\($0)".contains(part) } == true, "\(String(describing: error))")
    }
}
