// SPDX-License-Identifier: Apache-2.0

package import CKernels
import CThreadTeam
import Glibc

/// Several lanes that run in parallel, each on its own thread; lane 0 is the caller's thread.
///
/// The threads live as long as this object, so libraries' per-thread state is kept.
package final class ComputeLanes {
    /// In the order of their indices.
    package let lanes: [ComputeLane]
    private let threads: OpaquePointer
    /// What the lanes share with others; kept as long as they run.
    private let cores: ComputeCores?

    /// Starts the threads.
    ///
    /// - Parameter cores: shared with the lanes of other pictures: a lane holds as many as it has
    ///   threads while it computes, none while it waits for another lane; `nil` for no limit.
    /// - Throws: `ComputeLanesError` if the system refuses more threads.
    package init(
        split: LaneSplit, kernels: UnsafePointer<rt_kernels>, cores: ComputeCores? = nil
    ) throws(ComputeLanesError) {
        let threads = rt_lanes_create(
            Int32(split.laneCount), cores?.handle, Int32(split.threadsPerLane))
        guard let threads else { throw ComputeLanesError(laneCount: split.laneCount) }
        self.threads = threads
        self.cores = cores
        let team = ThreadTeam(threadCount: split.threadsPerLane)
        lanes = (0..<split.laneCount).map { index in
            ComputeLane(kernels: kernels, team: team, index: index)
        }
    }

    deinit { rt_lanes_destroy(threads) }

    /// Ends the dry runs of all lanes: performs their preparations and allocates the measured
    /// memory.
    ///
    /// The system promises more memory than it has and kills a process that relies on it, so the
    /// available memory is checked first.
    /// - Parameter byteCountMax: limit for all lanes together; `nil` for what is left.
    /// - Throws: `PreparationError`, `TensorStorageError`.
    package func finishDryRuns(byteCountMax: Int? = nil) throws {
        for lane in lanes {
            // One lane's after another's: the second finds most of it done.
            let queue = PreparationQueue(lane)
            run { _, _ in queue.work() }
            try queue.check()
        }
        if let limit = byteCountMax ?? AvailableMemory.byteCount(), neededByteCount > limit {
            throw TensorStorageError(byteCount: neededByteCount, errorNumber: ENOMEM)
        }
        for lane in lanes { try lane.workspace.allocate() }
    }

    /// Whether other lanes compute at the same time.
    package var haveNeighbours: Bool { cores != nil }

    /// Calls `body` on the calling thread while lane 0 holds its cores, outside `run`.
    package func onFirstLane<Result>(
        _ body: (ComputeLane) throws -> Result
    ) rethrows -> Result {
        let lane = lanes[0]
        lane.team.adopt()
        guard let cores else { return try body(lane) }
        return try cores.holding(lane.team.threadCount) { try body(lane) }
    }

    /// Whether the requests of all dry runs leave others some of the machine's memory.
    ///
    /// - Parameter byteCountMax: limit for all lanes together; `nil` for three quarters of what is
    ///   left.
    package func hasMemory(byteCountMax: Int? = nil) -> Bool {
        guard let limit = byteCountMax ?? AvailableMemory.byteCount().map({ $0 / 4 * 3 }) else {
            return true
        }
        return neededByteCount <= limit
    }

    /// The total requested by the dry runs.
    private var neededByteCount: Int {
        lanes.reduce(0) { $0 + $1.workspace.peakByteCount }
    }

    /// Waits, inside `run`, until all lanes arrive: then all see what each has written.
    ///
    /// Every lane must take part in the same meetings.
    package func meet() { rt_lanes_meet(threads) }

    /// Calls `body` once for every lane, in parallel; returns when all have finished.
    ///
    /// `body` must not write what another lane reads, except before a meeting. One caller at a
    /// time.
    package func run(_ body: @escaping (_ lane: ComputeLane, _ index: Int) -> Void) {
        // It escapes only into this frame; a non-escaping closure would cost an allocation here.
        var call = LanesCall(lanes: lanes, body: body)
        withUnsafeMutablePointer(to: &call) { pointer in
            rt_lanes_run(
                threads,
                { context, index in
                    guard let context else { return }
                    context.assumingMemoryBound(to: LanesCall.self).pointee.run(Int(index))
                }, pointer)
        }
    }
}

/// One call of `run`, as the C callback sees it.
private struct LanesCall {
    let lanes: [ComputeLane]
    let body: (ComputeLane, Int) -> Void

    func run(_ index: Int) {
        // The team size belongs to the thread. Setting it costs a store, and the caller's thread
        // may have changed since the last time.
        lanes[index].team.adopt()
        body(lanes[index], index)
    }
}

/// How lanes share a number of threads.
package struct LaneSplit: Sendable, Hashable {
    package let laneCount: Int
    package let threadsPerLane: Int

    /// One lane with all threads.
    package init(threadCount: Int) {
        precondition(threadCount > 0, "\(threadCount) threads")
        laneCount = 1
        threadsPerLane = threadCount
    }

    /// One lane per half of the batch if the threads divide evenly, otherwise one lane with all.
    ///
    /// Two lanes of one thread beat one lane of two: they never synchronise within a step.
    /// - Parameter halves: 2 with classifier-free guidance, otherwise 1.
    package init(threadCount: Int, halves: Int) {
        precondition(threadCount > 0 && halves > 0, "\(threadCount) threads, \(halves) halves")
        let isEven = threadCount.isMultiple(of: halves)
        laneCount = isEven ? halves : 1
        threadsPerLane = threadCount / laneCount
    }
}

/// Threads that the system refused to start.
package struct ComputeLanesError: Error, CustomStringConvertible {
    package let laneCount: Int

    package var description: String {
        "can't start \(laneCount - 1) threads; raise the limit (ulimit -u) or ask for fewer threads"
    }
}
