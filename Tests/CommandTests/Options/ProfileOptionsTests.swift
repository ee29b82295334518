// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import GenerationTypes
import Requests
import Testing

/// One word for precision, merging and forecast; single options come first.
@Suite struct ProfileOptionsTests {
    @Test(
        arguments: [
            ([], nil, "retom 0.5"), (["--profile", "balanced"], nil, "retom 0.5"),
            (["--profile", "exact"], "f32", "none"), (["--profile", "quality"], nil, "none"),
            (["--profile", "fast"], nil, "retom 0.75"),
            (["--profile", "exact", "--precision", "bf16"], "bf16", "none"),
            (["--profile", "exact", "--merge-ratio", "0.25"], "f32", "retom 0.25"),
            (["--profile", "fast", "--merge", "tome"], nil, "tome 0.5"),
        ] as [([String], String?, String)])
    func wordsOfTheirOwnComeFirst(
        _ arguments: [String], _ precision: String?, _ merging: String
    ) throws {
        let options = try Options.parse(arguments)
        #expect(options.compute.precision == precision)
        #expect(options.merging.configuration.summary == merging)
    }

    /// Where the sampler allows it and the prompt does not choose.
    @Test func outputsAreForecastWhereThatIsSound() throws {
        var settings = GenerationSettings(width: 64, height: 64)
        settings.forecastIfSound = try ProfileOptions.parse(["--profile", "fast"]).forecastIfSound
        settings.samplingMethod = .dpmPlusPlus2M
        settings.inferenceStepCount = 20
        func interval(_ change: (inout GenerationSettings) -> Void) -> Int {
            var prompt = GenerationSettings()
            change(&prompt)
            return prompt.filled(from: settings).request(prompt: "", seed: 0).forecastInterval
        }
        #expect(interval { _ in } == 2)
        #expect(interval { $0.sigmaSchedule = .karras } == 1)
        #expect(interval { $0.samplingMethod = .eulerAncestral } == 1)
        #expect(interval { $0.inferenceStepCount = 8 } == 1)
        #expect(interval { $0.forecastInterval = 1 } == 1)
        #expect(interval { $0.forecastInterval = 3 } == 3)
        #expect(try ProfileOptions.parse(["--profile", "balanced"]).forecastIfSound == nil)
    }

    private struct Options: ParsableArguments {
        @OptionGroup var profile: ProfileOptions
        @OptionGroup var merging: MergeOptions
        @OptionGroup var compute: ComputeOptions

        mutating func validate() {
            compute = profile.applied(to: compute)
            merging = profile.applied(to: merging)
        }
    }
}
