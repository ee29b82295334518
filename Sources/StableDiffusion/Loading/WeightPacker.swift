// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import Synchronization
import TensorKit

/// Reads checked weights and packs them for a backend, on several threads.
///
/// Each thread has one layer at a time in memory as f32.
struct WeightPacker: Sendable {
    let weights: ComponentWeights
    let backend: any ComputeBackend

    /// Answers all requests; the order of the answers is that of the requests.
    ///
    /// - Throws: the error of the first request that has one.
    func pack(_ requests: [WeightRequest], team: ThreadTeam) throws -> [PackedWeights] {
        let results = Mutex<[Result<PackedWeights, any Error>?]>(
            Array(repeating: nil, count: requests.count))
        let next = Atomic(0)
        // Layers differ in size by a factor of a thousand: whoever is free takes the next one, the
        // largest first. So the threads end together, and there is much scratch memory only while
        // there are few packed weights.
        let order = requests.indices.sorted { requests[$0].valueCount > requests[$1].valueCount }
        team.split(team.threadCount) { _ in
            // What is added to weights has the same bits in every team, and takes no other cores.
            ThreadTeam(threadCount: 1).adopt()
            var scratch = PackingScratch()
            while true {
                let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard place < order.count else { return }
                let index = order[place]
                let result = Result { try answer(requests[index], &scratch) }
                results.withLock { $0[index] = result }
            }
        }
        return try results.withLock { try $0.compactMap { try $0?.get() } }
    }

    private func answer(
        _ request: WeightRequest, _ scratch: inout PackingScratch
    ) throws -> PackedWeights {
        switch request {
        case .linear(
            let names, let biases, let extraBias, let inputs, let outputs, let allowsInt8):
            let weight = try load(names, into: &scratch.weights)
            let bias = biases.isEmpty ? nil : try load(biases, into: &scratch.biases)
            if let extraBias, let bias {
                let extra = try weights.values(of: extraBias, backend: backend)
                for index in bias.indices { bias[index] += extra[index] }
            }
            return .linear(
                try backend.pack(
                    LinearParameters(
                        weight: UnsafeBufferPointer(weight),
                        bias: bias.map { UnsafeBufferPointer($0) },
                        inputChannels: inputs, outputChannels: outputs,
                        allowsInt8: allowsInt8)))
        case .convolution(
            let weight, let bias, let geometry, let usualPixelCount, let use, let allowsInt8):
            let values = try load([weight], into: &scratch.weights)
            let shift = try bias.map { try load([$0], into: &scratch.biases) }
            return .convolution(
                try backend.pack(
                    ConvolutionParameters(
                        weight: UnsafeBufferPointer(values),
                        bias: shift.map { UnsafeBufferPointer($0) }, geometry: geometry,
                        usualPixelCount: usualPixelCount, use: use, allowsInt8: allowsInt8)))
        case .norm(let scale, let shift, _):
            let scales = try load([scale], into: &scratch.weights)
            let shifts = try load([shift], into: &scratch.biases)
            return .norm(
                try ChannelParameters(
                    scale: UnsafeBufferPointer(scales), shift: UnsafeBufferPointer(shifts)))
        }
    }

    /// Reads weights that the inventory has already found, one after the other.
    private func load(
        _ names: [String], into scratch: inout Scratch
    ) throws -> UnsafeMutableBufferPointer<Float> {
        let counts = try names.map { try weights.source($0).elementCount }
        let buffer = try scratch.reserve(counts.reduce(0, +))
        var start = 0
        for (name, count) in zip(names, counts) {
            try weights.read(
                name,
                into: UnsafeMutableBufferPointer(rebasing: buffer[start..<start + count]),
                backend: backend)
            start += count
        }
        return buffer
    }
}

/// What one thread needs for the layer that it packs.
private struct PackingScratch {
    var weights = Scratch()
    var biases = Scratch()
}

/// A block of f32 memory that fits and is used again for every layer.
private struct Scratch {
    private var storage: TensorStorage?

    /// The block, with room for this many values.
    mutating func reserve(_ count: Int) throws -> UnsafeMutableBufferPointer<Float> {
        let byteCount = count * MemoryLayout<Float>.stride
        let current: TensorStorage
        if let storage, byteCount <= storage.byteCount, storage.byteCount <= 4 * byteCount {
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
