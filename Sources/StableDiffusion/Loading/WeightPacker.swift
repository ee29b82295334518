// SPDX-License-Identifier: Apache-2.0

internal import SafeTensors
internal import TensorKit

/// Reads checked tensors one at a time and packs them for a backend.
///
/// One tensor at a time is in memory as f32; the pages of the file are given back after each.
final class WeightPacker {
    let backend: any ComputeBackend
    private let tensors: [String: StoredTensor]
    private var weights = Scratch()
    private var biases = Scratch()

    init(tensors: [String: StoredTensor], backend: any ComputeBackend) {
        self.tensors = tensors
        self.backend = backend
    }

    /// Packs products of the same input as one: their rows of outputs follow each other.
    func linear(
        weights names: [String], biases biasNames: [String], extraBias: String?,
        inputChannels: Int, outputChannels: Int
    ) throws -> any PackedLinear {
        let weight = try weights.load(names.map(tensor))
        var bias = biasNames.isEmpty ? nil : try biases.load(biasNames.map(tensor))
        if let extraBias, let sum = bias {
            let extra = try tensor(extraBias).floats()
            for index in sum.indices { sum[index] += extra[index] }
            bias = sum
        }
        return try backend.pack(
            LinearParameters(
                weight: UnsafeBufferPointer(weight), bias: bias.map { UnsafeBufferPointer($0) },
                inputChannels: inputChannels, outputChannels: outputChannels))
    }

    func convolution(
        weight: String, bias: String?, geometry: ConvolutionGeometry, usualPixelCount: Int?
    ) throws -> any PackedConvolution {
        let values = try weights.load([tensor(weight)])
        let shift = try bias.map { try biases.load([tensor($0)]) }
        return try backend.pack(
            ConvolutionParameters(
                weight: UnsafeBufferPointer(values), bias: shift.map { UnsafeBufferPointer($0) },
                geometry: geometry, usualPixelCount: usualPixelCount))
    }

    func norm(scale: String, shift: String) throws -> ChannelParameters {
        let scales = try weights.load([tensor(scale)])
        let shifts = try biases.load([tensor(shift)])
        return try ChannelParameters(
            scale: UnsafeBufferPointer(scales), shift: UnsafeBufferPointer(shifts))
    }

    /// A tensor that the inventory has already found.
    func tensor(_ name: String) throws -> StoredTensor {
        guard let tensor = tensors[name] else {
            throw CheckpointMismatchError(directory: "checkpoint", missing: [name])
        }
        return tensor
    }
}

/// A block of f32 memory that grows and is used again for every tensor.
private struct Scratch {
    private var storage: TensorStorage?

    /// Reads tensors one after the other into the block.
    mutating func load(
        _ tensors: [StoredTensor]
    ) throws -> UnsafeMutableBufferPointer<Float> {
        let count = tensors.reduce(0) { $0 + $1.elementCount }
        let buffer = try reserve(count)
        var start = 0
        for tensor in tensors {
            let end = start + tensor.elementCount
            try tensor.read(into: UnsafeMutableBufferPointer(rebasing: buffer[start..<end]))
            tensor.discard()
            start = end
        }
        return buffer
    }

    private mutating func reserve(_ count: Int) throws -> UnsafeMutableBufferPointer<Float> {
        let byteCount = count * MemoryLayout<Float>.stride
        let current: TensorStorage
        if let storage, storage.byteCount >= byteCount {
            current = storage
        } else {
            storage = nil
            current = try TensorStorage(byteCount: byteCount)
            storage = current
        }
        return UnsafeMutableBufferPointer(
            start: current.base.assumingMemoryBound(to: Float.self), count: count)
    }
}
