// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// The promises of `retom-eval compare` and `similarity`.
    @Suite struct MeasuringTests {
        /// Runs `retom-eval` with quick settings; later ones override them.
        private func measure(
            _ studio: Studio, _ arguments: [String]
        ) async throws -> RunningProgram.Ending {
            try await RunningProgram(
                "retom-eval",
                [arguments[0]] + Studio.quick + ["-s", "5", "-o", "out"] + arguments.dropFirst(),
                in: studio.directory
            ).ending()
        }

        @Test func comparisonsHaveASheetAPageAndNumbers() async throws {
            let studio = try Studio()
            let ending = try await measure(
                studio,
                [
                    "compare", "-p", "a red house", "-p", "a tent, green", "--rows", "1",
                    "--setting", "half: --merge retom --merge-ratio 0.5", "--setting",
                    "nothing: --merge retom --merge-ratio 0", "--setting", "ToMe: --merge tome",
                    "--against", "ToMe",
                ])
            #expect(ending.code == 0, "\(ending)")
            #expect(ending.output.contains("dB to ToMe"))
            #expect(
                studio.names() == [
                    "00000-ToMe.png", "00000-half.png", "00000-none.png", "00000-nothing.png",
                    "compare.png", "index.html", "pictures.csv", "run.lock", "summary.csv",
                ])
            let lines = String(decoding: try studio.bytes("pictures.csv"), as: UTF8.self)
                .split(separator: "\n")
            #expect(lines.count == 1 + 2 * 4)
            // R = 0 changes nothing, half of the tokens change something.
            let untouched = lines.filter { $0.contains(",nothing,") }
            #expect(untouched.allSatisfy { $0.hasSuffix(",inf,1.0,1.0,0,0") }, "\(untouched)")
            let halves = lines.filter { $0.contains(",half,") }
            #expect(!halves.contains { $0.contains(",inf,") }, "\(halves)")
            let none = try PNG.decode(try studio.bytes("00000-none.png")).image
            #expect(try PNG.decode(try studio.bytes("00000-nothing.png")).image == none)
            let sheet = try PNG.decode(try studio.bytes("compare.png")).image
            #expect(sheet.width == 8 + 4 * 72)
        }

        /// Importance is timed as in generation: with the effect of guidance in the previous call.
        @Test func benchmarksReportTheTimeOfMerging() async throws {
            let studio = try Studio()
            for method in ["importance", "retom"] {
                let ending = try await RunningProgram(
                    "retom-eval",
                    [
                        "bench", "unet", "--size", "64", "--runs", "2", "-t", "2", "--side-by-side",
                        "--merge", method, "--merge-layers", "2",
                    ], in: studio.directory
                ).ending()
                #expect(ending.code == 0, "\(ending)")
                let record = try #require(try events(ending.output).first)
                #expect(record["merge_layers"] as? String == "2")
                let share = try #require(record["merge_overhead"] as? Double)
                #expect(share > 0 && share < 1, "\(record)")
                #expect(try #require(record["merge_overhead_alone"] as? Double) > 0)
                #expect(record["tokens_left"] as? Double == 0.5)
            }
        }

        @Test func similarityHasMapsACurveAndNumbers() async throws {
            let studio = try Studio()
            let ending = try await measure(
                studio, ["similarity", "-p", "a red house", "--steps", "6", "--lag", "1", "3"])
            #expect(ending.code == 0, "\(ending)")
            #expect(ending.output.contains("lag 3: "))
            #expect(
                studio.names() == ["agreement.csv", "agreement.png", "run.lock", "similarity.png"])
            let lines = String(decoding: try studio.bytes("agreement.csv"), as: UTF8.self)
                .split(separator: "\n")
            #expect(lines[0] == "call,timestep,block,lag,same_representative,same_sources,chance")
            // Five calls have a previous one, three have one three calls before; three blocks.
            #expect(lines.count == 1 + (5 + 3) * 3)
            #expect(lines.dropFirst().allSatisfy { $0.hasSuffix(",0.25") })
            _ = try PNG.decode(try studio.bytes("similarity.png"))
            _ = try PNG.decode(try studio.bytes("agreement.png"))
        }

        @Test(
            arguments: [
                (["compare", "-p", "a"], "nothing to compare"),
                (["compare", "--setting", "a: --merge tome"], "nothing to generate"),
                (["compare", "-p", "a", "--setting=--merge tome"], "has no name"),
                (["compare", "-p", "a", "--setting", "a: --merge magic"], "setting a: "),
                (
                    ["compare", "-p", "a", "--setting", "a: --merge tome", "--against", "b"],
                    "choose --against from none, a"
                ),
                (["compare", "-p", "a", "--settings", "missing.txt"], "missing.txt"),
                (
                    [
                        "compare", "-p", "a", "--cfg-scale", "1", "--setting",
                        "a: --merge importance",
                    ], "--cfg-scale"
                ),
                (["compare", "-p", "a", "--setting", "a: --merge tome", "-W", "100"], "-W"),
                (["similarity", "-p", "a", "--merge-ratio", "0"], "--merge-ratio"),
                (["similarity", "-p", "a", "--lag", "0"], "--lag"),
                (["similarity", "-p", "a", "--heat-map-window", "99"], "--heat-map-window 99"),
            ])
        func badInputGivesOneClearError(arguments: [String], part: String) async throws {
            let studio = try Studio()
            let ending = try await measure(studio, arguments)
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.errorOutput.contains(part), "\(ending)")
        }
    }
}
