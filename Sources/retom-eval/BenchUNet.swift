// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import StableDiffusion
import TensorKit
import TokenMerging

/// Times one U-Net call on both halves of a guided image.
struct BenchUNet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unet", abstract: "Times a U-Net call on both halves of a guided image.",
        discussion: """
            With --merge, seconds_median is of calls that reuse plans, and seconds_refresh of calls \
            that make them; a method that makes plans at every call has only the latter. \
            merge_overhead, with --side-by-side, is the time spent choosing, merging and unmerging \
            tokens inside the calls, as a share of a call without merging.
            """)

    @OptionGroup var options: BenchOptions
    @OptionGroup(title: "Token merging") var merging: MergeOptions

    @Flag(help: "Interleave calls without merging, and print the speed-up.")
    var sideBySide = false

    @Flag(
        help: """
            Print where the time goes, per kind of operation and size, next to the cores' peak \
            rate; work is counted as direct convolutions, so Winograd's may exceed the peak.
            """)
    var profile = false

    func validate() throws {
        guard merging.mergeRefresh == nil else {
            throw ValidationError(
                "--merge-refresh: a benchmark repeats calls; give it --merge-period")
        }
    }

    func run() throws {
        let model = try options.model.open().source
        let resolved = try options.compute.configuration.resolve()
        let backend = try resolved.makeBackend()
        let unet = try UNet2DConditionModel.load(from: model, backend: backend)
        let description = try ModelDescription(of: model)
        let side = (options.size ?? description.defaultWidth) / description.vaeScaleFactor
        func calls(_ configuration: TokenMergeConfiguration) throws -> UNetCalls {
            try UNetCalls(
                unet: unet, backend: backend, threadCount: resolved.threadCount, side: side,
                merging: configuration)
        }
        let subject = try calls(merging.configuration)
        if profile { return try printProfile(subject, type: backend.activationType) }
        let whole = sideBySide ? try calls(.none) : nil
        var times = UNetCallTimes()
        for round in 0...options.runs {
            let plain = subject.time(.reusingPlans, round: round)
            let refreshing = subject.time(.makingPlans, round: round)
            let unmerged = whole?.time(.reusingPlans, round: round)
            // The first round warms up.
            if round > 0 { times.add(plain: plain, refreshing: refreshing, unmerged: unmerged) }
        }
        var record = BenchRecord(
            command: "unet", precision: resolved.precision.rawValue,
            backend: resolved.backend.rawValue, kernelClass: backend.kernelClass,
            size: side * description.vaeScaleFactor, threads: resolved.threadCount,
            seconds: (times.plain.isEmpty ? times.refreshing : times.plain).map(\.seconds),
            work: subject.lanes.workPerCall,
            workspaceByteCount: subject.lanes.lanes.lanes.reduce(0) {
                $0 + $1.workspace.peakByteCount
            })
        record.merge = merging.configuration.method
        if let run = subject.merging {
            let statistics = run.statistics
            record.mergeRatio = run.merger.configuration.ratio
            record.mergeLayers = merging.layers?.rawValue
            record.secondsRefresh = times.refreshing.map(\.seconds).median
            record.tokensLeft =
                Double(statistics.tokenCountAfter) / Double(max(statistics.tokenCountBefore, 1))
        }
        let overhead = try subject.merging.map {
            try MergeOverhead(
                $0, lanes: subject.lanes.lanes,
                elementType: backend.activationType, runs: options.runs)
        }
        record.secondsPlans = overhead?.makingSeconds
        record.secondsApply = overhead?.applyingSeconds
        if let whole {
            let unmerged = times.unmerged.map(\.seconds).median
            record.secondsUnmerged = unmerged
            let period = subject.merging?.merger.period ?? 1
            record.mergeOverhead = subject.merging.map { _ in times.overhead(period: period) }
            record.mergeOverheadAlone = overhead?.share(period: period, of: unmerged)
            record.speedUp = times.speedUp(period: period)
            record.speedUpOfFLOPs =
                Double(whole.lanes.workPerCall.totalFLOPs)
                / Double(subject.lanes.workPerCall.totalFLOPs)
        }
        try record.printLine()
    }

    /// A table instead of a record.
    private func printProfile(_ calls: UNetCalls, type: ElementType) throws {
        let lanes = calls.lanes.lanes
        let peak = PeakRate.measure(type, lanes: lanes)
        for round in 0...1 { _ = calls.time(.reusingPlans, round: round) }
        for lane in lanes.lanes { lane.profile = OperationProfile() }
        let times = (2..<2 + options.runs).compactMap {
            calls.time(.reusingPlans, round: $0)?.seconds
        }
        let table = ProfileTable(
            lanes.lanes.compactMap(\.profile), callCount: times.count,
            seconds: times.reduce(0, +), peak: peak)
        for line in table.lines { print(line) }
    }
}
