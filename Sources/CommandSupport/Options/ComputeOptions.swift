// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import TensorKit

/// How to compute: shared by every command that loads a model.
package struct ComputeOptions: ParsableArguments {
    @Option(
        name: [.customShort("t"), .long],
        help: ArgumentHelp(
            "Threads for computing; by default one per core, or as a control group's quota allows.",
            valueName: "count"))
    package var threads: Int = CPUInfo.detect().coreCount

    @Option(
        help: ArgumentHelp(
            "Number format of products: auto is bf16 where the CPU has it, else f32.",
            valueName: "auto|f32|bf16"))
    package var precision: String = "auto"

    @Option(
        help: ArgumentHelp(
            "Library for products: auto is onednn.", valueName: "auto|onednn|openblas"))
    package var backend: String = "auto"

    @Option(
        help: ArgumentHelp(
            "Use no newer instructions than these: for comparing paths, or around a faulty one.",
            valueName: "auto|\(InstructionSet.names)"))
    package var instructionSet: String = "auto"

    package init() {}

    package mutating func validate() throws {
        guard (1...1024).contains(threads) else {
            throw ValidationError("--threads \(threads): choose from 1 to 1024")
        }
        guard precision == "auto" || Precision(rawValue: precision) != nil else {
            throw ValidationError("--precision \(precision): choose auto, f32 or bf16")
        }
        guard backend == "auto" || BackendKind(rawValue: backend) != nil else {
            throw ValidationError("--backend \(backend): choose auto, onednn or openblas")
        }
        guard instructionSet == "auto" || InstructionSet(rawValue: instructionSet) != nil else {
            throw ValidationError(
                "--instruction-set \(instructionSet): choose auto|\(InstructionSet.names)")
        }
    }

    /// The chosen configuration; `auto` stays open until the backend is made.
    package var configuration: ComputeConfiguration { configuration(threadCount: threads) }

    /// The same with another number of threads.
    package func configuration(threadCount: Int) -> ComputeConfiguration {
        ComputeConfiguration(
            backend: BackendKind(rawValue: backend), precision: Precision(rawValue: precision),
            threadCount: threadCount, instructionSetMax: InstructionSet(rawValue: instructionSet))
    }

    /// The same choices as command-line words, for a worker process.
    package func arguments(threadCount: Int) -> [String] {
        [
            "--threads", "\(threadCount)", "--precision", precision, "--backend", backend,
            "--instruction-set", instructionSet,
        ]
    }
}

extension InstructionSet {
    /// All of them, as a list to choose from.
    fileprivate static var names: String { allCases.map(\.rawValue).joined(separator: "|") }
}
