// SPDX-License-Identifier: Apache-2.0

#if !LIBFUZZER
    import ArgumentParser
    import Foundation
    import Glibc
    import WireFuzzing
    import WireProtocol

    /// Damages any number of frames; the seed determines the damage.
    @main struct FuzzProgram: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "wire-fuzz",
            abstract: "Feed damaged frames to the decoder of a connection.",
            discussion: "Exits with 1 if a rule is broken or memory exceeds the limit.")

        @Option(help: "Number of frames.")
        var frames = 100_000
        @Option(help: "Seed that determines every frame.")
        var seed: UInt64 = 1
        @Option(help: ArgumentHelp("Limit of memory in use.", valueName: "MiB"))
        var memory = 128
        @Option(help: "Only write good frames into this directory, for a coverage-guided run.")
        var corpus: String?

        func run() throws {
            if let corpus {
                for (index, input) in GuidedInput.corpus.enumerated() {
                    try Data(input).write(to: URL(fileURLWithPath: "\(corpus)/frame-\(index)"))
                }
                return
            }
            let clock = ContinuousClock()
            let begin = clock.now
            let tallies = try FrameFuzzer.run(count: frames, seed: seed)
            for kind in FrameMutator.Kind.allCases { print(line(kind, tallies[kind])) }
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let peak = usage.ru_maxrss / 1024
            print("\(frames) frames in \(clock.now - begin), at most \(peak) MiB of memory")
            guard peak <= memory else {
                throw ValidationError("more than \(memory) MiB were in use")
            }
        }

        private func line(_ kind: FrameMutator.Kind, _ tally: FrameFuzzer.Tally?) -> String {
            guard let tally else { return "\(kind): none" }
            let reasons = tally.refusedCounts.sorted { $0.key.wireValue < $1.key.wireValue }
                .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            return """
                \(kind): \(tally.frameCount) frames, \(tally.messageCount) still messages, \
                \(tally.waitingCount) wait for more; closed: \(reasons)
                """
        }
    }
#endif
