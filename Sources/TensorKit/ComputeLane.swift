// SPDX-License-Identifier: Apache-2.0

package import CKernels

/// One execution path through a network: scratch memory, kernels, and a team that splits loops.
///
/// Layers are immutable and shared; everything that changes during a pass is here, so two lanes can
/// run the same network concurrently (the two halves of a guided batch). A lane belongs to one
/// thread at a time.
///
/// While the workspace measures, operations only count their work and prepare what depends on
/// shapes; no memory is touched. That *dry run* sizes the workspace and yields exact FLOPs.
package final class ComputeLane {
    /// Its index among the lanes that run together, from 0.
    package let index: Int
    /// Scratch memory for activations.
    package let workspace = Workspace()
    /// The kernels of the instruction set in use.
    package let kernels: UnsafePointer<rt_kernels>
    /// Threads that share each operation of this lane.
    package let team: ThreadTeam
    /// The operations of all passes since the last reset.
    package var work = WorkCount()
    /// Optional profile; `nil` by default, because profiling costs time.
    package var profile: OperationProfile?
    /// The first error of a dry run.
    private var failure: (any Error)?
    /// Preparations that a dry run found necessary.
    private var preparations: [(ComputeLane) throws -> Void] = []

    package init(kernels: UnsafePointer<rt_kernels>, team: ThreadTeam, index: Int = 0) {
        self.index = index
        self.kernels = kernels
        self.team = team
    }

    /// Whether this is a dry run.
    package var isMeasuring: Bool { workspace.isMeasuring }

    /// Records what a dry run could not plan; `measure` throws it after the dry run.
    package func fail(_ error: any Error) { failure = failure ?? error }

    /// Records work that a dry run finds necessary for its shapes, such as packing a layer's
    /// weights for them; the end of the dry run performs it, on the threads of all lanes.
    package func prepareLater(_ preparation: @escaping (ComputeLane) throws -> Void) {
        preparations.append(preparation)
    }

    /// Performs a dry run; `finishDryRun()`, or that of all lanes, must follow.
    ///
    /// - Throws: errors of `body`; `PreparationError` if something could not be planned.
    package func measure(_ body: () throws -> Void) throws {
        // Libraries' preparations for a shape depend on the team it will run on.
        team.adopt()
        workspace.startMeasuring()
        preparations = []
        failure = nil
        try body()
        if let failure { throw PreparationError(cause: failure) }
    }

    /// Ends the dry run of a single lane: performs its preparations and allocates memory.
    ///
    /// - Throws: `PreparationError`, `TensorStorageError`.
    package func finishDryRun() throws {
        team.adopt()
        let queue = PreparationQueue(self)
        queue.work()
        try queue.check()
        try workspace.allocate()
    }

    /// Removes and returns the preparations that the dry run found necessary.
    func takePreparations() -> [(ComputeLane) throws -> Void] {
        defer { preparations = [] }
        return preparations
    }
}

/// The system refused something that a picture's size needs.
package struct PreparationError: Error, CustomStringConvertible {
    /// The message of the library or the system.
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

    /// The same work repeated.
    package static func * (work: WorkCount, count: Int) -> WorkCount {
        var product = work
        product.linearFLOPs *= count
        product.convolutionFLOPs *= count
        product.attentionFLOPs *= count
        return product
    }
}
