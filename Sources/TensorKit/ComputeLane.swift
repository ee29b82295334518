// SPDX-License-Identifier: Apache-2.0

package import CKernels

/// One way through a network: scratch memory, kernels, and a team that splits loops.
///
/// Layers are immutable and shared; everything that changes during a pass is here, so two lanes
/// can run the same network at once (the two halves of a guided batch). A lane belongs to one
/// thread at a time.
///
/// While the workspace measures, operations only count their work and prepare what depends on
/// shapes; no memory is touched. That *dry run* sizes the workspace and yields exact FLOPs.
package final class ComputeLane {
    /// Its place among the lanes that run at once, from 0.
    package let index: Int
    /// Scratch memory for activations.
    package let workspace = Workspace()
    /// The kernels of the instruction set in use.
    package let kernels: UnsafePointer<rt_kernels>
    /// Threads that share each operation of this lane.
    package let team: ThreadTeam
    /// What the passes since the last reset amounted to.
    package var work = WorkCount()
    /// Where the time goes; none unless somebody asks, because watching costs time.
    package var profile: OperationProfile?
    /// The first thing that went wrong in a dry run.
    private var failure: (any Error)?
    /// What a dry run found necessary.
    private var preparations: [(ComputeLane) throws -> Void] = []

    package init(kernels: UnsafePointer<rt_kernels>, team: ThreadTeam, index: Int = 0) {
        self.index = index
        self.kernels = kernels
        self.team = team
    }

    /// Whether this is a dry run.
    package var isMeasuring: Bool { workspace.isMeasuring }

    /// Notes what a dry run could not plan; `measure` throws it when the dry run is over.
    package func fail(_ error: any Error) { failure = failure ?? error }

    /// Notes work that a dry run finds necessary for its shapes, such as packing a layer's weights
    /// for them: the end of the dry run does it, on the threads of all lanes.
    package func prepareLater(_ preparation: @escaping (ComputeLane) throws -> Void) {
        preparations.append(preparation)
    }

    /// Performs a dry run; `finishDryRun()`, or that of all lanes, comes next.
    ///
    /// - Throws: what `body` throws; `PreparationError` when something could not be planned.
    package func measure(_ body: () throws -> Void) throws {
        // What libraries prepare for a shape depends on the team it will run on.
        team.adopt()
        workspace.startMeasuring()
        preparations = []
        failure = nil
        try body()
        if let failure { throw PreparationError(cause: failure) }
    }

    /// Ends the dry run of a lane that is alone: prepares what it found necessary, gets memory.
    ///
    /// - Throws: `PreparationError`, `TensorStorageError`.
    package func finishDryRun() throws {
        team.adopt()
        let queue = PreparationQueue(self)
        queue.work()
        try queue.check()
        try workspace.allocate()
    }

    /// What the dry run found necessary; nothing is left behind.
    func takePreparations() -> [(ComputeLane) throws -> Void] {
        defer { preparations = [] }
        return preparations
    }
}

/// What a picture's size needs and the system would not give.
package struct PreparationError: Error, CustomStringConvertible {
    /// What the library or the system said.
    package let cause: any Error

    package var description: String {
        "\(cause); or use a smaller picture or a machine with more memory"
    }
}

/// Exact operation counts of a pass, by kind; a multiply-add counts as two.
package struct WorkCount: Sendable, Equatable {
    package var linearFLOPs = 0
    package var convolutionFLOPs = 0
    package var attentionFLOPs = 0
    package var totalFLOPs: Int { linearFLOPs + convolutionFLOPs + attentionFLOPs }

    package init() {}

    /// The same work several times.
    package static func * (work: WorkCount, count: Int) -> WorkCount {
        var product = work
        product.linearFLOPs *= count
        product.convolutionFLOPs *= count
        product.attentionFLOPs *= count
        return product
    }
}
