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
            """
            Number format of products: auto is bf16 where the CPU has it, else f32; int8, for \
            most of the U-Net, needs AVX512-VNNI or AVX-VNNI (default: auto).
            """, valueName: "auto|f32|bf16|int8"))
    package var precision: String?

    @Option(
        help: ArgumentHelp(
            "Library for products: auto is onednn (default: auto).",
            valueName: "auto|onednn|openblas"))
    package var backend: String?

    @Option(
        help: ArgumentHelp(
            """
            Use no newer instructions than these: for comparing paths, or around a faulty one; \
            amx-bf16 adds attention on AMX's tiles, which nobody has tried on a processor \
            (default: auto).
            """,
            valueName: "auto|\(InstructionSet.names)"))
    package var instructionSet: String?

    package init() {}

    package mutating func validate() throws {
        guard (1...1024).contains(threads) else {
            throw ValidationError("--threads \(threads): choose from 1 to 1024")
        }
        if let precision, precision != "auto", Precision(rawValue: precision) == nil {
            throw ValidationError("--precision \(precision): choose auto, f32, bf16 or int8")
        }
        if let backend, backend != "auto", BackendKind(rawValue: backend) == nil {
            throw ValidationError("--backend \(backend): choose auto, onednn or openblas")
        }
        if let instructionSet, instructionSet != "auto",
            InstructionSet(rawValue: instructionSet) == nil
        {
            throw ValidationError(
                "--instruction-set \(instructionSet): choose auto|\(InstructionSet.names)")
        }
    }

    /// The chosen configuration; `auto` stays open until the backend is made.
    package var configuration: ComputeConfiguration { configuration(threadCount: threads) }

    /// The same with another number of threads.
    package func configuration(threadCount: Int) -> ComputeConfiguration {
        ComputeConfiguration(
            backend: backend.flatMap { BackendKind(rawValue: $0) },
            precision: precision.flatMap { Precision(rawValue: $0) }, threadCount: threadCount,
            instructionSetMax: instructionSet.flatMap { InstructionSet(rawValue: $0) })
    }

    /// The same choices as command-line words, for a worker process.
    package func arguments(threadCount: Int) -> [String] {
        [
            "--threads", "\(threadCount)", "--precision", precision ?? "auto",
            "--backend", backend ?? "auto", "--instruction-set", instructionSet ?? "auto",
        ]
    }
}

extension InstructionSet {
    /// All of them, as a list to choose from.
    fileprivate static var names: String { allCases.map(\.rawValue).joined(separator: "|") }
}
