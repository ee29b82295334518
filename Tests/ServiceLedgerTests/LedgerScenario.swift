// SPDX-License-Identifier: Apache-2.0

import ServiceLedger
import TestSupport

/// What happens in one simulation, drawn from its seed.
struct LedgerScenario {
    /// A client's request, repeated until it is answered.
    struct ClientRequest {
        var time: Double
        var caller: CallerID
        var key: String?
        /// Of two requests with one key and different bodies the second is refused.
        var body: UInt8
        var imageCount: Int
        var priority: BatchPriority
        /// Whether its client waits for its pictures, until the connection is lost.
        var isSync = false
        /// When its batch is cancelled or erased, by whom; `nil` for never.
        var end: (time: Double, erases: Bool, by: CallerID)?
        /// When its batch is pinned or unpinned; `nil` for never.
        var pin: (time: Double, isPinned: Bool)?
    }

    let seed: UInt64
    var bug: LedgerBug?
    var limits = LedgerLimits()
    /// Workers at the beginning.
    var workerCount: Int
    /// Workers join and leave: how many there are from a time on; the last of them stay.
    var workerCounts: [(time: Double, count: Int)] = []
    /// Whether the disk has room from a time on; in the end it has.
    var rooms: [(time: Double, isThere: Bool)] = []
    var requests: [ClientRequest] = []
    var crashes: [Double] = []
    /// Whether turns are equal, so that waits can be counted.
    var isUniform: Bool

    init(seed: UInt64, bug: LedgerBug? = nil) {
        self.seed = seed
        self.bug = bug
        var random = SplitMix64(seed: seed)
        workerCount = Int.random(in: 1...4, using: &random)
        isUniform = Bool.random(using: &random)
        limits.queuedPerCaller = 40
        limits.queuedInAll = 80
        limits.imagesPerBatch = 25
        limits.submissionsPerSecond = 2
        limits.submissionBurst = 6
        limits.retentionInterval = 0
        limits.keySeconds = 400
        limits.keepSeconds = 300
        limits.tombstoneSeconds = 200
        limits.lendAheadSeconds = Bool.random(using: &random) ? 2 : 0
        let callers = (0..<Int.random(in: 2...4, using: &random)).map { CallerID("caller-\($0)") }
        let keys = ["a", "b", "c"]
        for _ in 0..<Int.random(in: 3...18, using: &random) {
            let time = Double.random(in: 0...60, using: &random)
            var request = ClientRequest(
                time: time, caller: callers.randomElement(using: &random)!,
                key: Int.random(in: 0..<3, using: &random) > 0
                    ? keys.randomElement(using: &random) : nil,
                body: UInt8.random(in: 0..<3, using: &random),
                imageCount: Int.random(in: 0..<4, using: &random) == 0
                    ? Int.random(in: 10...30, using: &random)
                    : Int.random(in: 1...4, using: &random),
                priority: isUniform
                    ? .normal : BatchPriority.allCases.randomElement(using: &random)!)
            if Int.random(in: 0..<3, using: &random) == 0 {
                request.end = (
                    time + Double.random(in: 0...20, using: &random), Bool.random(using: &random),
                    Int.random(in: 0..<3, using: &random) == 0
                        ? callers.randomElement(using: &random)! : request.caller
                )
            }
            requests.append(request)
        }
        limits.orphanGraceSeconds = 20
        limits.waitingPerCaller = 2
        for index in requests.indices where Int.random(in: 0..<3, using: &random) == 0 {
            requests[index].isSync = true
        }
        limits.keepByteCount = Bool.random(using: &random) ? 150 : nil
        for index in requests.indices where Int.random(in: 0..<4, using: &random) == 0 {
            let time = requests[index].time + Double.random(in: 0...40, using: &random)
            requests[index].pin = (time, Int.random(in: 0..<4, using: &random) > 0)
        }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            crashes.append(Double.random(in: 0...90, using: &random))
        }
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let time = Double.random(in: 0...90, using: &random)
            workerCounts.append((time, Int.random(in: 0...4, using: &random)))
        }
        workerCounts.append((91, workerCount))
        if Bool.random(using: &random) {
            let time = Double.random(in: 0...60, using: &random)
            rooms = [(time, false), (time + Double.random(in: 1...40, using: &random), true)]
        }
    }
}
