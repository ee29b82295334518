// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import GenerationTypes

/// Measures what the other two programs do.
@main
struct RetomEval: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-eval",
        abstract: "Measures speed and quality.",
        version: ProgramVersion.text,
        subcommands: [
            Bench.self, Compare.self, Similarity.self, Attributes.self,
            CLIPScore.self, FrechetDistance.self, Table1.self,
            Table2.self, Figure2.self, Figure3.self,
        ])

    static func main() async {
        keepNiceness()
        await runAndExit()
    }
}

/// Times one part of the model.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times one part of the model; prints one JSON line.",
        subcommands: [BenchUNet.self, BenchVAE.self])
}
