// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import FoundationEssentials
import GenerationTypes
import ProcessSupport
import StableDiffusion
import TensorKit

/// Options shared by all benchmarks.
struct BenchOptions: ParsableArguments {
    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions

    @Option(help: "Picture side in pixels (default: the model's).")
    var size: Int?

    @Option(help: "Timed calls after one warm-up.")
    var runs = 3

    func validate() throws {
        guard (1...10_000).contains(runs) else {
            throw ValidationError("--runs \(runs): choose from 1 to 10000")
        }
        if let size, !(8...4096).contains(size) || !size.isMultiple(of: 8) {
            throw ValidationError("--size \(size): choose a multiple of 8 up to 4096")
        }
    }

    /// Seconds of each call of `body`, after one warm-up call.
    func time(_ body: () throws -> Void) rethrows -> [Double] {
        let clock = ContinuousClock()
        try body()
        return try (0..<runs).map { _ in
            let start = clock.now
            try body()
            return (clock.now - start).seconds
        }
    }
}

/// One line of JSON: what was timed, and the times.
struct BenchRecord: Encodable {
    let command: String
    let precision: String
    let backend: String
    let kernelClass: String
    let size: Int
    let threads: Int
    let secondsMedian: Double
    let secondsMin: Double
    let runs: Int
    let gigaFLOPs: Double
    let gigaFLOPsPerSecond: Double
    let workspaceMiB: Int
    let peakResidentMiB: Int
    /// The method that merges tokens.
    var merge: String?
    var mergeRatio: Double?
    var mergeLayers: String?
    /// Calls that make new plans; the median above is of the others.
    var secondsRefresh: Double?
    /// Tokens left, as a share of those of merged blocks, 0…1.
    var tokensLeft: Double?
    /// Making every plan once, on noise, one block after another.
    var secondsPlans: Double?
    /// Merging and unmerging in every block, likewise.
    var secondsApply: Double?
    /// The time merging takes inside calls, including the lanes' meetings, as a share of a call
    /// without merging.
    var mergeOverhead: Double?
    /// The same from `secondsPlans` and `secondsApply`: with warm caches, a lower bound.
    var mergeOverheadAlone: Double?
    /// Calls without merging, in between.
    var secondsUnmerged: Double?
    /// Speed-up of merged calls, including the time to make plans.
    var speedUp: Double?
    /// Speed-up if every operation cost the same.
    var speedUpOfFLOPs: Double?

    init(
        command: String, precision: String, backend: String, kernelClass: String, size: Int,
        threads: Int, seconds: [Double], work: WorkCount, workspaceByteCount: Int
    ) {
        self.command = command
        self.precision = precision
        self.backend = backend
        self.kernelClass = kernelClass
        self.size = size
        self.threads = threads
        secondsMedian = seconds.median
        secondsMin = seconds.min() ?? 0
        runs = seconds.count
        gigaFLOPs = Double(work.totalFLOPs) * 1e-9
        gigaFLOPsPerSecond = gigaFLOPs / secondsMedian
        workspaceMiB = workspaceByteCount >> 20
        peakResidentMiB = SystemInfo.peakResidentByteCount >> 20
    }

    enum CodingKeys: String, CodingKey {
        case command, precision, backend
        case kernelClass = "kernel_class"
        case merge, size, threads
        case mergeRatio = "merge_ratio"
        case mergeLayers = "merge_layers"
        case secondsRefresh = "seconds_refresh"
        case tokensLeft = "tokens_left"
        case secondsPlans = "seconds_plans"
        case secondsApply = "seconds_apply"
        case mergeOverhead = "merge_overhead"
        case mergeOverheadAlone = "merge_overhead_alone"
        case secondsUnmerged = "seconds_unmerged"
        case speedUp = "speed_up"
        case speedUpOfFLOPs = "speed_up_of_flop"
        case secondsMedian = "seconds_median"
        case secondsMin = "seconds_min"
        case runs
        case gigaFLOPs = "gflop"
        case gigaFLOPsPerSecond = "gflop_per_s"
        case workspaceMiB = "workspace_mib"
        case peakResidentMiB = "peak_resident_mib"
    }

    /// Prints the record as one line.
    func printLine() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
