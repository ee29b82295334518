// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import GenerationTypes
import Testing
import TokenMerging

/// Options of a command that resumes a run: what it began with stays.
@Suite struct GenerationOptionsRunTests {
    private static let requests = [20, 30].map { steps in
        GenerationRequest(
            prompt: "a", negativePrompt: "blur", seed: 7, width: 64, height: 128,
            inferenceStepCount: steps, guidanceScale: 6.5, samplingMethod: .dpmPlusPlus2M,
            sigmaSchedule: .karras, tokenMerging: .none)
    }

    private static func conflict(_ words: [String], baseSeed: UInt64? = 7) throws -> RunConflict? {
        try GenerationOptions.parse(words).conflict(
            with: requests, batchCount: 2, baseSeed: baseSeed)
    }

    @Test(arguments: [
        [], ["-b", "2"], ["-s", "7"], ["-n", "blur"], ["-W", "64", "-H", "128"],
        ["--cfg-scale", "6.5", "--guidance-rescale", "0", "--clip-skip", "1"],
        ["--sampling-method", "DPM++ 2M Karras"],
        ["--sampling-method", "dpmpp_2m", "--scheduler", "karras"],
    ])
    func whatTheRunBeganWithMayBeRepeated(_ words: [String]) throws {
        #expect(try Self.conflict(words) == nil)
    }

    /// Also where what is given is what a new run would have by default.
    @Test(arguments: [
        (["-b", "1"], "--batch-count 1: the run began with 2,"),
        (["-s", "8"], "--seed 8: the run began with 7,"),
        (["--seed=-1"], "--seed -1: the run began with 7,"),
        (["-n", ""], "--negative-prompt : the run began with blur,"),
        (["--steps", "20"], "--steps 20: the run began with 20, 30,"),
        (["--cfg-scale", "7.5"], "--cfg-scale 7.5: the run began with 6.5,"),
        (["--guidance-rescale", "0.7"], "--guidance-rescale 0.7: the run began with 0.0,"),
        (["--forecast", "2"], "--forecast 2: the run began with 1,"),
        (["-W", "128"], "--width 128: the run began with 64,"),
        (["-H", "64"], "--height 64: the run began with 128,"),
        (["--sampling-method", "ddim"], "--sampling-method ddim: the run began with dpm++2m,"),
        (["--scheduler", "default"], "--scheduler default: the run began with karras,"),
        (["--clip-skip", "2"], "--clip-skip 2: the run began with 1,"),
    ])
    func anythingElseIsRefusedWithBothValues(_ words: [String], _ message: String) throws {
        let conflict = try #require(try Self.conflict(words))
        #expect(conflict.description.hasPrefix(message), "\(conflict)")
        #expect(conflict.description.contains("leave \(conflict.flag) out"), "\(conflict)")
    }

    @Test func aRandomSeedIsNoSeed() throws {
        #expect(try Self.conflict(["--seed=-1"], baseSeed: nil) == nil)
        #expect(try Self.conflict(["-s", "7"], baseSeed: nil)?.before == "a random seed")
    }

    @Test func mergeOptionsAreComparedOneByOne() throws {
        func conflict(_ begun: [String], _ now: [String]) throws -> RunConflict? {
            var request = Self.requests[0]
            request.tokenMerging = try MergeOptions.parse(begun).configuration
            return try MergeOptions.parse(now).conflict(with: [request])
        }
        let tome = ["--merge", "tome", "--merge-ratio", "0.4"]
        #expect(try conflict(tome, []) == nil)
        #expect(try conflict(tome, tome) == nil)
        #expect(try conflict(["--merge", "none"], ["--merge", "none"]) == nil)
        let other = try #require(try conflict(tome, ["--merge", "none"]))
        #expect(other.description.hasPrefix("--merge none: the run began with tome,"), "\(other)")
        let ratio = try #require(try conflict(tome, ["--merge", "tome", "--merge-ratio", "0.5"]))
        #expect(ratio.description.hasPrefix("--merge-ratio 0.5: the run began with 0.4,"))
        // The default, given.
        #expect(try conflict(tome, ["--merge", "retom"])?.flag == "--merge")
    }
}
