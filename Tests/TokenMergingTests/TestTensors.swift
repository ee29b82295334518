// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// An f32 or bf16 tensor with the given values, row by row.
func makeTensor(
    _ values: [Float], _ shape: TensorShape, type: ElementType = .float32, rowStride: Int? = nil
) throws -> Tensor {
    let stride = rowStride ?? shape.channels
    let storage = try TensorStorage(byteCount: shape.rowCount * stride * type.byteCount + 128)
    let tensor = Tensor(
        storage: storage, shape: shape, elementType: type, rowStride: stride)
    precondition(values.count == shape.elementCount)
    for row in 0..<shape.rowCount {
        for channel in 0..<shape.channels {
            let value = values[row * shape.channels + channel]
            let index = row * stride + channel
            switch type {
            case .float32: tensor.floats[index] = value
            case .bfloat16: tensor.bfloat16Bits[index] = roundedToBFloat16(value)
            }
        }
    }
    return tensor
}

/// Round to nearest even, implemented differently from the library.
func roundedToBFloat16(_ value: Float) -> UInt16 {
    let low = Float(bitPattern: value.bitPattern & 0xFFFF_0000)
    let high = Float(bitPattern: (value.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
    let (below, above) = (
        (Double(value) - Double(low)).magnitude, (Double(high) - Double(value)).magnitude
    )
    let chosen =
        below < above
        ? low : above < below ? high : low.bitPattern >> 16 & 1 == 0 ? low : high
    return UInt16(chosen.bitPattern >> 16)
}

/// All values of a tensor as f32, row by row.
func values(of tensor: Tensor) -> [Float] {
    var result: [Float] = []
    for row in 0..<tensor.shape.rowCount {
        for channel in 0..<tensor.shape.channels {
            let index = row * tensor.rowStride + channel
            switch tensor.elementType {
            case .float32: result.append(tensor.floats[index])
            case .bfloat16:
                result.append(Float(bitPattern: UInt32(tensor.bfloat16Bits[index]) << 16))
            }
        }
    }
    return result
}

/// Normal features `[batch, h, w, channels]`.
func normalFeatures(_ grid: TokenGrid, batch: Int, channels: Int, seed: UInt64) -> [Float] {
    var random = SplitMix64(seed: seed)
    return (0..<(batch * grid.tokenCount * channels)).map { _ in random.normal() }
}

extension TokenMerger {
    /// A filled plan, without a cache.
    func makePlan(
        _ features: Tensor, downsample: Int = 1, stage: TokenMergeStage = .down, callIndex: Int = 0,
        refreshIndex: Int = 0, seed: UInt64 = 1, siteIndex: Int = 0, isGuided: Bool = true,
        importance: TokenImportanceMap? = nil
    ) throws -> TokenMergePlan {
        let grid = TokenGrid(height: features.shape.height, width: features.shape.width)
        let site = TokenMergeSite(
            index: siteIndex, grid: grid, channels: features.shape.channels, downsample: downsample,
            stage: stage)
        let layout = try strategy.layout(
            at: site, ratio: configuration.ratio, sampleCount: features.shape.batch)
        try #require(
            layout != .identity(grid, sampleCount: features.shape.batch),
            "a method that cannot merge has no plan")
        var plan = TokenMergePlan(layout: layout)
        let scratch = TokenMergeScratch()
        try scratch.prepare(byteCount: layout.scratchByteCount)
        let context = TokenMergeContext(
            site: site, call: TokenMergeCall(index: callIndex, isGuided: isGuided),
            refreshIndex: refreshIndex, seed: seed, importance: importance)
        strategy.fill(&plan, from: TokenFeatures(features), context: context, scratch: scratch)
        return plan
    }
}

/// A lane ready to compute, with the best kernels of this machine.
func testLane(threadCount: Int = 1) throws -> ComputeLane {
    let lane = ComputeLane(
        kernels: KernelTable.of(CPUInfo.detect().instructionSet),
        team: ThreadTeam(threadCount: threadCount))
    try lane.finishDryRun()
    return lane
}

extension TokenMergePlan {
    /// `merge` into a new tensor.
    func merged(_ input: Tensor) throws -> Tensor {
        let shape = TensorShape(
            batch: input.shape.batch, tokens: layout.mergedCount, channels: input.shape.channels)
        let count = shape.elementCount
        let output = try makeTensor(
            Array(repeating: .nan, count: count), shape, type: input.elementType)
        merge(input, into: output, lane: try testLane())
        return output
    }

    /// Every token's merged row, f32, in a new tensor.
    func unmerged(_ input: Tensor) throws -> Tensor {
        let shape = TensorShape(
            batch: input.shape.batch, height: layout.grid.height, width: layout.grid.width,
            channels: input.shape.channels)
        let output = try makeTensor(Array(repeating: 0, count: shape.elementCount), shape)
        unmergeAdding(input, into: output, lane: try testLane())
        return output
    }

    /// Whether two plans have the same shape and indices.
    func isIdentical(to other: TokenMergePlan) -> Bool {
        guard layout == other.layout, alpha == other.alpha else { return false }
        return (0..<layout.partCount).allSatisfy { part in
            mergedRows(part: part) == other.mergedRows(part: part)
                && (0..<layout.mergedCount).allSatisfy {
                    members(ofRow: $0, part: part) == other.members(ofRow: $0, part: part)
                }
        }
    }
}
