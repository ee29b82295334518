// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import FoundationEssentials
internal import StableDiffusion

/// What all benchmarks share.
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

    /// Seconds of each call of `body`, after one that is not counted.
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

/// One line of JSON: what was timed and what it took.
struct BenchRecord: Encodable {
    var command: String
    var precision: String
    var backend: String
    var kernelClass: String
    var merge: String?
    var size: Int
    var threads: Int
    var secondsMedian: Double
    var secondsMin: Double
    var runs: Int
    var gigaFLOPs: Double
    var gigaFLOPsPerSecond: Double
    var workspaceMiB: Int
    var peakResidentMiB: Int

    enum CodingKeys: String, CodingKey {
        case command, precision, backend
        case kernelClass = "kernel_class"
        case merge, size, threads
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

/// The middle value; the mean of the two middle ones of an even number.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    let isEven = sorted.count.isMultiple(of: 2)
    return isEven ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
}
