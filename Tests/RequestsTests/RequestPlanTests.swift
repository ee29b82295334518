// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import TestSupport
import Testing
import TokenMerging

@Suite struct RequestPlanTests {
    private let settings = {
        var settings = GenerationSettings(width: 64, height: 32)
        settings.negativePrompt = "blur"
        settings.inferenceStepCount = 7
        settings.guidanceScale = 3
        settings.samplingMethod = .heun
        settings.sigmaSchedule = .karras
        settings.eta = 0
        settings.clipSkip = 2
        return settings
    }()

    private func plan(
        _ entries: [PromptEntry], seed: SeedChoice = .fixed(42), batchCount: Int = 1
    ) throws(PromptListError) -> RequestPlan {
        var generator = CountingGenerator()
        return try RequestPlan(
            entries: entries, settings: settings, seed: seed, batchCount: batchCount,
            check: { try $0.settleTokenMerging() }, using: &generator)
    }

    @Test func imageIOfTheRunHasSeedPlusI() throws {
        let entries = PromptList.entries(arguments: ["A", "B"])
        let plan = try plan(entries, batchCount: 2)
        #expect(plan.requests.map(\.prompt) == ["A", "A", "B", "B"])
        #expect(plan.requests.map(\.seed) == [42, 43, 44, 45])
        #expect(!plan.isBaseSeedRandom)
    }

    @Test func aPromptsOwnSeedNumbersItsOwnImagesOnly() throws {
        var entries = PromptList.entries(arguments: ["A", "B", "C"])
        entries[1].seed = .fixed(7)
        entries[1].imageCount = 3
        let plan = try plan(entries)
        #expect(plan.requests.map(\.seed) == [42, 7, 8, 9, 46])
    }

    /// They are a problem only where a prompt leaves something to them, and then one for all prompts.
    @Test func impossibleSettingsMayBeReplaced() throws {
        var shared = settings
        shared.samplingMethod = .dpmPlusPlus2M
        shared.inferenceStepCount = 20
        // Not with Karras' spacing.
        shared.forecastInterval = 2
        func count(_ entries: [PromptEntry]) throws -> Int {
            var generator = CountingGenerator()
            return try RequestPlan(
                entries: entries, settings: shared, seed: .fixed(1), batchCount: 1,
                using: &generator
            ).requests.count
        }
        var entries = PromptList.entries(arguments: ["A", "B"])
        for index in entries.indices { entries[index].settings.sigmaSchedule = .modelDefault }
        #expect(try count(entries) == 2)
        entries[1].settings.sigmaSchedule = nil
        let error = #expect(throws: PromptListError.self) { try count(entries) }
        guard case .settings(let problem) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problem.contains("forecast"))
    }

    @Test func settingsFillWhatPromptsLeaveOpen() throws {
        var entries = PromptList.entries(arguments: ["A", "B"])
        entries[1].settings.negativePrompt = ""
        entries[1].settings.width = 128
        entries[1].settings.samplingMethod = .ddim
        let plan = try plan(entries)
        #expect(
            plan.requests[0]
                == GenerationRequest(
                    prompt: "A", negativePrompt: "blur", seed: 42, width: 64, height: 32,
                    inferenceStepCount: 7, guidanceScale: 3, samplingMethod: .heun,
                    sigmaSchedule: .karras, clipSkip: 2))
        #expect(plan.requests[1].negativePrompt == "")
        #expect(plan.requests[1].width == 128)
        #expect(plan.requests[1].samplingMethod == .ddim)
        #expect(plan.requests[1].clipSkip == 2)
    }

    /// η is the prompt's, the run's, or the sampler's own, in this order.
    @Test func etaFollowsTheSamplerUnlessGiven() throws {
        var entries = PromptList.entries(arguments: ["A", "B", "C"])
        entries[0].settings.samplingMethod = .tcd
        entries[1].settings.samplingMethod = .tcd
        entries[1].settings.eta = 0
        entries[2].settings.samplingMethod = .ddim
        func etas(_ eta: Float?) -> [Float] {
            var settings = settings
            settings.eta = eta
            return entries.map { $0.request(settings: settings, seed: 1).eta }
        }
        #expect(etas(nil) == [0.3, 0, 0])
        #expect(etas(0.5) == [0.5, 0, 0.5])
    }

    /// Numbers of every size in every field of a prompt line are refused with a reason or planned.
    @Test func hostileLinesAreRefusedOrPlanned() throws {
        let fields =
            [
                "seed", "steps", "cfg_scale", "guidance_rescale", "width", "height", "batch_size",
                "n_iter",
                "clip_skip", "eta", "forecast", "token_merging_ratio",
            ] + TokenMergeConfiguration.keys.map { "token_merging.\($0)" }
        let values =
            HostileRequests.numbers.filter(\.isFinite).map { "\($0)" }
            + HostileRequests.wholes.map { "\($0)" } + HostileRequests.texts.map { "\"\($0)\"" }
            + ["18446744073709551616", "1e400", "true", "null", "[]", "[-1]", "{}"]
        var (refused, planned) = (0, 0)
        for field in fields {
            let parts = field.split(separator: ".")
            for value in values {
                let setting = "\"\(parts[parts.count - 1])\": \(value)"
                let line =
                    parts.count == 1
                    ? "{\"prompt\": \"a\", \(setting)}"
                    : "{\"prompt\": \"a\", \"token_merging\": {\(setting)}}"
                do {
                    _ = try plan(try PromptList.parse(Array(line.utf8), source: "-").entries)
                    planned += 1
                } catch {
                    let problem = "\(error)"
                    #expect(!problem.contains("report.json"), "\(line): \(problem)")
                    refused += 1
                }
            }
        }
        #expect(refused > 1000 && planned > 100, "\(refused) refused, \(planned) planned")
    }

    @Test func randomSeedsAreDrawnInA1111sRange() throws {
        var entries = PromptList.entries(arguments: ["A", "B"])
        entries[1].seed = .random
        let plan = try plan(entries, seed: .random)
        #expect(plan.isBaseSeedRandom)
        #expect(plan.requests[0].seed == plan.baseSeed)
        #expect(plan.requests.allSatisfy { $0.seed < 4_294_967_294 })
        #expect(plan.requests[0].seed != plan.requests[1].seed)
    }

    @Test func everyUndrawablePromptIsReported() {
        var entries = PromptList.entries(arguments: ["A", "B", "C", "D"])
        entries[0].settings.inferenceStepCount = 0
        entries[2].settings.width = 5
        entries[3].seed = .fixed(.max)
        entries[3].imageCount = 2
        do {
            _ = try plan(entries)
            Issue.record("accepted")
        } catch .problems(let problems) {
            #expect(problems.map(\.origin) == ["-p 1", "-p 3", "-p 4"])
            #expect(problems[0].message.contains("0 steps"))
            #expect(problems[2].message.contains("begin lower"))
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func tooManyImagesAreRefusedBeforeTheyAreMade() {
        var entries = PromptList.entries(arguments: ["A", "B"])
        entries[1].imageCount = GenerationLimits.imageCountMax
        #expect(throws: PromptListError.self) { try plan(entries) }
    }

    @Test(
        arguments: [
            ("42", .fixed(42)), ("0", .fixed(0)), ("-1", .random), ("-99", .random),
            ("18446744073709551615", .fixed(.max)), ("18446744073709551616", nil), ("x", nil),
            ("", nil), ("1.5", nil), ("-x", nil),
        ] as [(String, SeedChoice?)])
    func seedsAreReadAsTheFieldsToolsDo(text: String, choice: SeedChoice?) {
        #expect(SeedChoice(text) == choice)
    }
}

/// Draws 1, 2, 3, … spread over all bits.
private struct CountingGenerator: RandomNumberGenerator {
    var count: UInt64 = 0

    mutating func next() -> UInt64 {
        count += 1
        return count &* 0x9E37_79B9_7F4A_7C15
    }
}
