// SPDX-License-Identifier: Apache-2.0

/// When the images of a queue are sampled, if they go in order to whichever worker is free first.
package struct FinishEstimate: Sendable {
    /// Placing one image costs a look at each worker; beyond so many looks the order of the images is
    /// left out of account, for a display asks ten times a second.
    private static let placementCountMax = 20_000

    /// When each worker is free, in seconds from now, and its seconds per step; at least one.
    private var workers: [(free: Double, pace: Double)]
    /// Images in the queue.
    private let queuedCount: Int
    /// Steps of all of them.
    private let queuedStepCount: Int

    /// Describes workers and their queue.
    package init(
        workers: [(free: Double, pace: Double)], queuedCount: Int, queuedStepCount: Int
    ) {
        precondition(!workers.isEmpty, "nobody samples")
        self.workers = workers
        self.queuedCount = queuedCount
        self.queuedStepCount = queuedStepCount
    }

    /// Seconds until the last image is sampled.
    ///
    /// - Parameter stepCounts: of the images in the queue, in order; no more of it is read than is
    ///   needed.
    package func seconds(stepCounts: some Sequence<Int>) -> Double {
        // With very many images the order no longer matters, only the sum does.
        guard queuedCount * workers.count <= Self.placementCountMax else {
            let rate = workers.reduce(0) { $0 + 1 / max($1.pace, 1e-9) }
            let busy = workers.map(\.free).max() ?? 0
            return Double(queuedStepCount) / rate + busy / 2
        }
        var workers = workers
        for stepCount in stepCounts.prefix(queuedCount) {
            // The next worker to be free takes it. The coordinator passes over a slow one where the
            // others would be done sooner; this estimate does not.
            let next = workers.indices.min { workers[$0].free < workers[$1].free }
            guard let next else { break }
            workers[next].free += Double(stepCount) * workers[next].pace
        }
        return workers.map(\.free).max() ?? 0
    }
}
