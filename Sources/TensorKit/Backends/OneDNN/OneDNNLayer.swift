// SPDX-License-Identifier: Apache-2.0

import COneDNN
import Synchronization

/// A convolution of oneDNN.
///
/// A fully connected layer is one too, with a kernel of one pixel: for the sizes of these networks
/// that is as fast as the library's products or faster.
///
/// The best layout of the weights depends on the picture's size, so they are packed when the first
/// dry run reveals it. The layout depends on the shape alone, never on earlier work.
final class OneDNNLayer: Sendable {
    let geometry: ConvolutionGeometry
    let inputType: ElementType
    /// Whether primitives may accumulate after an activation; see `OneDNNBackend`.
    let accumulatesAfterActivation: Bool
    private let library: OneDNNLibrary
    private let bias: TensorStorage
    private let state: Mutex<State>

    fileprivate struct State {
        /// Before the first packing, in the checkpoint's layout; then in every layout in use.
        var layouts: [Layout]
        /// Most recently created last.
        var primitives: [OneDNNPrimitive] = []
        /// Requests of dry runs, by shape.
        var scratchByteCounts: [OneDNNPrimitiveKey: Int] = [:]
    }

    /// The weights in one layout, and the dry runs that requested it.
    fileprivate struct Layout {
        let weights: OneDNNWeights
        var dryRuns: [Workspace.DryRun] = []

        var isInUse: Bool { dryRuns.contains { !$0.isOver } }
    }

    /// Number of shapes kept; the oldest is dropped first.
    ///
    /// A pass needs a few (with and without merged tokens, whole and partial tiles), and pictures
    /// that are generated at the same time may differ in size.
    private static let primitiveCapacity = 32

    init(
        geometry: ConvolutionGeometry, weight: UnsafeBufferPointer<Float>,
        bias: UnsafeBufferPointer<Float>?, inputType: ElementType,
        accumulatesAfterActivation: Bool, library: OneDNNLibrary
    ) throws {
        self.geometry = geometry
        self.inputType = inputType
        self.accumulatesAfterActivation = accumulatesAfterActivation
        self.library = library
        self.bias = try TensorStorage(
            byteCount: geometry.outputChannels * MemoryLayout<Float>.stride)
        if let bias {
            // Mapped memory is zero, so without a bias there is nothing to write.
            let target = self.bias.base.assumingMemoryBound(to: Float.self)
            target.update(from: bias.baseAddress!, count: bias.count)
        }
        // Loaders may pack on several threads; each by itself, without a pool.
        ThreadTeam(threadCount: 1).adopt()
        state = Mutex(
            State(layouts: [
                Layout(
                    weights: try Self.keep(
                        weight, geometry: geometry, type: inputType, library: library))
            ]))
    }

    /// The weights in the products' type, until their layout is known.
    private static func keep(
        _ weight: UnsafeBufferPointer<Float>, geometry: ConvolutionGeometry, type: ElementType,
        library: OneDNNLibrary
    ) throws -> OneDNNWeights {
        let dimensions = geometry.weightDimensions
        if type == .float32 {
            // From this order the library packs f32 many times faster than from the checkpoint's.
            let layout = try OneDNNDescription(dimensions, type, dnnl_hwio)
            let weights = try OneDNNWeights(layout, library: library)
            let target = weights.base.assumingMemoryBound(to: Float.self)
            WeightTranspose.outputsLast(weight, geometry: geometry, into: target)
            return weights
        }
        let given = try OneDNNDescription(dimensions, .float32, dnnl_oihw)
        let kept = try OneDNNDescription(dimensions, type, dnnl_oihw)
        let source = try OneDNNMemory(
            given, at: UnsafeMutableRawPointer(mutating: weight.baseAddress), library: library)
        return try OneDNNWeights(kept, from: source, describedBy: given, library: library)
    }

    /// The layer's own bias, f32.
    var biasPointer: UnsafeMutableRawPointer { bias.base }

    /// Scratch memory of one execution; nothing is compiled for it.
    ///
    /// The calling thread has adopted the key's team.
    func scratchByteCount(for key: OneDNNPrimitiveKey) throws -> Int {
        try state.withLock { state in
            if let known = state.scratchByteCounts[key] { return known }
            let plan = try OneDNNPlan(key, library: library)
            let byteCount = try plan.description(of: dnnl_query_scratchpad_md).byteCount
            if state.scratchByteCounts.count == Self.primitiveCapacity {
                state.scratchByteCounts.removeAll()
            }
            state.scratchByteCounts[key] = byteCount
            return byteCount
        }
    }

    /// The compiled layer for a shape, created on first use.
    ///
    /// - Parameter lane: its team is adopted before anything is created, because loops are split
    ///   for its size.
    func primitive(_ key: OneDNNPrimitiveKey, lane: ComputeLane) throws -> OneDNNPrimitive {
        try state.withLock { state in
            if let known = state.primitives.last(where: { $0.key == key }) {
                if lane.isMeasuring { state.note(lane.workspace.dryRun, uses: known.weights) }
                return known
            }
            lane.team.adopt()
            let plan = try OneDNNPlan(key, library: library)
            let weights = try pack(as: plan.description(of: dnnl_query_weights_md), &state, lane)
            let primitive = try OneDNNPrimitive(plan, weights: weights, library: library)
            if state.primitives.count == Self.primitiveCapacity { state.primitives.removeFirst() }
            state.primitives.append(primitive)
            return primitive
        }
    }

    /// The weights in a layout; reordered from another layout if necessary.
    ///
    /// A new layout replaces those that no lane needs any more, with their primitives, so that a
    /// worker does not grow when many sizes are requested.
    private func pack(
        as layout: OneDNNDescription, _ state: inout State, _ lane: ComputeLane
    ) throws -> OneDNNWeights {
        let dryRun = lane.workspace.dryRun
        if let known = state.layouts.first(where: { $0.weights.isLaidOut(as: layout) }) {
            state.note(dryRun, uses: known.weights)
            return known.weights
        }
        let packed = try OneDNNWeights(layout, from: state.layouts[0].weights, library: library)
        state.layouts.removeAll { !$0.isInUse }
        state.layouts.append(Layout(weights: packed, dryRuns: [dryRun]))
        state.primitives.removeAll { primitive in
            !state.layouts.contains { $0.weights === primitive.weights }
        }
        return packed
    }
}

extension OneDNNLayer.State {
    fileprivate mutating func note(_ dryRun: Workspace.DryRun, uses weights: OneDNNWeights) {
        for index in layouts.indices where layouts[index].weights === weights {
            layouts[index].dryRuns.removeAll { $0.isOver || $0 === dryRun }
            layouts[index].dryRuns.append(dryRun)
        }
    }
}
