// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// The promises of `retom-eval clip-score` and `retom-eval fid`.
    @Suite struct LikenessTests {
        private func run(
            _ studio: Studio, _ arguments: String...
        ) async throws -> RunningProgram.Ending {
            try await RunningProgram(
                "retom-eval", arguments + ["-t", "1"], in: studio.directory
            ).ending()
        }

        /// Writes a grey picture with the text of our programs.
        private func write(
            _ studio: Studio, grey: UInt8, prompt: String?, size: Int = 256, to name: String
        ) throws {
            let image = RGBImage(
                width: size, height: size, bytes: [UInt8](repeating: grey, count: 3 * size * size))
            let texts = prompt.map { [PNGText(keyword: "parameters", text: $0)] } ?? []
            try studio.directory.write(try PNG.encode(image, texts: texts), to: name)
        }

        @Test func picturesAreScoredByTheTextTheyCarry() async throws {
            let studio = try Studio()
            try write(studio, grey: 30, prompt: "a red house at night", to: "one/00000.png")
            try write(studio, grey: 200, prompt: "a blue car", to: "one/00001-7.png")
            try write(studio, grey: 90, prompt: "a blue car", to: "two/00000.png")
            let scores = try await run(studio, "clip-score", "one", "two/")
            #expect(scores.code == 0, "\(scores)")
            let lines = scores.output.split(separator: "\n")
            try #require(lines.count == 2)
            #expect(lines[0].hasPrefix("one: ") && lines[0].hasSuffix("(2 pictures)"))
            // Of two pictures an interval would be 13 standard errors wide.
            #expect(!lines[0].contains("±"))
            #expect(lines[1].hasPrefix("two: ") && lines[1].hasSuffix("(1 picture)"))
        }

        @Test func theDistanceToItselfIsZeroAndToRendersIsNot() async throws {
            let studio = try Studio()
            for (index, grey) in [UInt8(30), 90, 200].enumerated() {
                try write(studio, grey: grey, prompt: nil, to: "one/\(index).png")
            }
            let same = try await run(studio, "fid", "one", "one")
            #expect(same.output == "one: 0.000 (3 pictures) to one (3)\n", "\(same)")
            let other = try await run(studio, "fid", "one")
            #expect(other.output.hasSuffix("(3 pictures) to renders (2000)\n"), "\(other)")
            let number = other.output.dropFirst("one: ".count).prefix { $0 != " " }
            #expect(try #require(Double(number)) > 1)
        }

        @Test func badInputGivesOneClearError() async throws {
            let studio = try Studio()
            try write(studio, grey: 9, prompt: nil, to: "silent/0.png")
            try write(studio, grey: 9, prompt: "a car", size: 64, to: "small/0.png")
            try write(studio, grey: 9, prompt: "a car", size: 64, to: "small/1.png")
            for (arguments, part) in [
                (["clip-score", "silent"], "silent/0.png does not say what it was generated from"),
                (["clip-score", "small"], "small, picture 0: the judge knows pictures of 256×256"),
                (["clip-score", "missing"], "cannot read missing"),
                (["fid", "silent"], "silent has one picture"),
                (["fid", "small"], "small, picture 0"), (["fid", "small", "missing"], "missing"),
            ] {
                let ending = try await RunningProgram(
                    "retom-eval", arguments, in: studio.directory
                ).ending()
                #expect(ending.code != 0, "\(arguments): \(ending)")
                #expect(ending.errorOutput.contains(part), "\(arguments): \(ending)")
            }
        }
    }
}
