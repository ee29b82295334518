// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import Foundation
import GenerationTypes
import Glibc
import Synchronization

/// Watches a run: when images were finished, and the coordinator's memory at that time.
final class DrawMeter: Sendable {
    private struct State {
        var begin: ContinuousClock.Instant?
        var times: [Duration] = []
        var attemptCount = 0
        var residentByteCounts: [Int] = []
    }

    private let state = Mutex(State())
    private let imageCount: Int
    private let workerCount: Int

    init(imageCount: Int, workerCount: Int) {
        self.imageCount = imageCount
        self.workerCount = workerCount
    }

    /// Time counts from the first lease.
    func note(_ event: CoordinatorEvent) {
        guard case .assigned = event else { return }
        state.withLock { state in
            state.attemptCount += 1
            if state.begin == nil { state.begin = .now }
        }
    }

    /// Records a finished image; memory is measured ten times in a run.
    func finished() {
        state.withLock { state in
            state.times.append(.now - (state.begin ?? .now))
            let tenth = max(1, imageCount / 10)
            if state.times.count.isMultiple(of: tenth) {
                state.residentByteCounts.append(ProcessStatus.residentByteCount)
            }
        }
    }

    /// One line of `key=value` words.
    func report(_ summary: CoordinatorSummary, cpuSeconds: Double) -> String {
        let state = state.withLock { $0 }
        let seconds = state.times.last?.seconds ?? 0
        // From then on at least one worker is idle.
        let firstIdle = state.times[max(0, state.times.count - workerCount)].seconds
        let mebibyte = 1024.0 * 1024.0
        let words: [(String, Double)] = [
            ("workers", Double(workerCount)), ("images", Double(state.times.count)),
            ("attempts", Double(state.attemptCount)), ("seconds", seconds),
            ("tail", seconds - firstIdle), ("cpu", cpuSeconds),
            ("received", Double(summary.traffic.received)),
            ("sent", Double(summary.traffic.sent)),
            ("rssFirst", Double(state.residentByteCounts.first ?? 0) / mebibyte),
            ("rssLast", Double(state.residentByteCounts.last ?? 0) / mebibyte),
        ]
        return words.map { key, value in
            value == value.rounded()
                ? "\(key)=\(Int(value))" : "\(key)=" + String(format: "%.4f", value)
        }.joined(separator: " ")
    }
}

/// The system's figures for this process.
enum ProcessStatus {
    /// Current resident memory.
    static var residentByteCount: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let words = text.split(separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }

    /// Processor seconds of all its threads so far.
    static var cpuSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
        }
    }
}
