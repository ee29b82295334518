// SPDX-License-Identifier: Apache-2.0

import Evaluation
import GenerationTypes
import Testing

@Suite("Settings of a comparison")
struct MergeSettingTests {
    @Test func aSettingIsANameAndOptions() throws {
        let setting = try MergeSetting(
            parsing: " ToMe, fixed:  --merge tome --merge-ratio 0.25 --no-merge-rand")
        #expect(setting.name == "ToMe, fixed")
        #expect(setting.merging.method == "tome")
        #expect(setting.merging.ratio == 0.25)
        #expect(!setting.merging.usesRandomDestinations)
        #expect(setting.fileName == "ToMe--fixed")
    }

    @Test func filesHaveCommentsAndBlankLines() throws {
        let settings = try MergeSetting.settings(
            lines: "# field\n\n  a: --merge tome\r\nb: --merge retom --merge-window 2,4\n")
        #expect(settings.map(\.name) == ["a", "b"])
        #expect(settings[1].merging.window == .levels([2, 4]))
    }

    @Test(
        arguments: [
            ("--merge tome", "has no name"), (": --merge tome", "has no name"),
            ("a: --merge magic", "no merge method \"magic\""),
            ("a: --merge-ratio 1.5", "--merge-ratio"), ("a: --merge-ratio", "--merge-ratio"),
            ("a: --unknown 1", "--unknown"), ("a: --merge 'retom", "never closed"),
            ("a: retom", "retom"),
        ])
    func whatIsWrongIsNamed(text: String, part: String) {
        let error = #expect(throws: MergeSettingError.self) { try MergeSetting(parsing: text) }
        #expect(error.map { "\($0)".contains(part) } == true, "\(String(describing: error))")
    }

    @Test func settingsMakeAComparison() throws {
        let setting = MergeSetting(name: "a b", merging: .none)
        #expect(throws: MergeSettingError.nothing) { try MergeSettingError.check([]) }
        #expect(throws: MergeSettingError.twice("a-b")) {
            try MergeSettingError.check([setting, MergeSetting(name: "a-b", merging: .none)])
        }
        #expect(throws: MergeSettingError.twice("none")) {
            try MergeSettingError.check([.unmerged])
        }
        let many = (0..<65).map { MergeSetting(name: "\($0)", merging: .none) }
        #expect(throws: MergeSettingError.tooMany(count: 65, limit: 64)) {
            try MergeSettingError.check(many)
        }
    }
}
