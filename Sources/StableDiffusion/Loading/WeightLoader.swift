// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// What layers are built from: it gives them their packed weights by name.
///
/// Building runs twice over the same code. The first time nothing is read: the loader only notes
/// which tensors are asked for, so that the weights can be compared as a whole, and layers get
/// placeholders. Then everything is read, converted and packed, on all threads, and the second time
/// it is handed out.
package struct WeightLoader {
    private enum Mode {
        case checking(WeightInventory)
        case handingOut(WeightPacker, PackedWeightQueue)
    }
    private let mode: Mode
    private var prefix: String
    /// How the layers' inputs to products are stored.
    package let activationType: ElementType
    /// Whether layers may be computed in int8; see `allowingInt8`.
    private var allowsInt8 = false
    /// The backend's instruction set for products of bytes, if that is its precision.
    private var backendInt8: Int8InstructionSet?

    private init(mode: Mode, prefix: String, activationType: ElementType) {
        self.mode = mode
        self.prefix = prefix
        self.activationType = activationType
    }

    /// Builds a component from its weights.
    ///
    /// - Parameters:
    ///   - weights: all of the component's, and no others.
    ///   - team: the threads that read and pack.
    ///   - build: makes the layers; it runs twice.
    /// - Throws: `CheckpointMismatchError` with all differences between weights and layers.
    package static func build<Component>(
        from weights: ComponentWeights, backend: any ComputeBackend, team: ThreadTeam,
        _ build: (WeightLoader) throws -> Component
    ) throws -> Component {
        let inventory = WeightInventory()
        func loader(_ mode: Mode) -> WeightLoader {
            var loader = WeightLoader(
                mode: mode, prefix: "", activationType: backend.activationType)
            loader.backendInt8 = backend.int8InstructionSet
            return loader
        }
        _ = try build(loader(.checking(inventory)))
        if let mismatch = inventory.mismatch(with: weights) { throw mismatch }
        let packer = WeightPacker(weights: weights, backend: backend)
        let queue = PackedWeightQueue(
            requests: inventory.requests, answers: try packer.pack(inventory.requests, team: team))
        return try build(loader(.handingOut(packer, queue)))
    }

    /// Builds a component without weights: in dry runs its layers count their work, no more.
    ///
    /// - Parameter build: makes the layers; it runs once.
    package static func withoutWeights<Component>(
        activationType: ElementType, _ build: (WeightLoader) throws -> Component
    ) rethrows -> Component {
        try build(
            WeightLoader(
                mode: .checking(WeightInventory()), prefix: "", activationType: activationType))
    }

    /// The loader for a part: its names follow `name.`.
    package func scoped(_ name: String) -> WeightLoader {
        var part = self
        part.prefix = path(name) + "."
        return part
    }

    /// The instruction set for attention in bytes; `nil` where it has the activation type's
    /// precision.
    package var attentionInt8: Int8InstructionSet? { allowsInt8 ? backendInt8 : nil }

    /// The loader for layers whose weights and inputs may be rounded to bytes, if that is the
    /// backend's precision; or again for layers that are too sensitive.
    package func allowingInt8(_ allows: Bool) -> WeightLoader {
        var loader = self
        loader.allowsInt8 = allows
        return loader
    }

    /// The loader for an element of a list of parts.
    package func scoped(_ name: String, _ index: Int) -> WeightLoader {
        scoped("\(name).\(index)")
    }

    /// A fully connected layer: `name.weight` `[outputs, inputs]` and `name.bias`.
    ///
    /// - Parameter extraBias: the full name of a vector to add to the bias.
    package func linear(
        _ name: String, inputChannels: Int, outputChannels: Int, hasBias: Bool = true,
        extraBias: String? = nil
    ) throws -> any PackedLinear {
        try linear(
            joining: [name], inputChannels: inputChannels, outputChannels: outputChannels,
            hasBias: hasBias, extraBias: extraBias)
    }

    /// Fully connected layers of one input, joined: outputs side by side, `outputChannels` each.
    package func linear(
        joining names: [String], inputChannels: Int, outputChannels: Int, hasBias: Bool,
        extraBias: String? = nil
    ) throws -> any PackedLinear {
        let request = WeightRequest.linear(
            weights: names.map { path("\($0).weight") },
            biases: hasBias ? names.map { path("\($0).bias") } : [],
            extraBias: extraBias.map(path), inputChannels: inputChannels,
            outputChannels: names.count * outputChannels, allowsInt8: allowsInt8)
        if case .linear(let layer) = answer(request) { return layer }
        return PlaceholderLinear(
            inputChannels: inputChannels, outputChannels: names.count * outputChannels)
    }

    /// A convolution: `name.weight` `[outputs, inputs, size, size]` and `name.bias`.
    ///
    /// - Parameters:
    ///   - usualPixelCount: pixels of its output at the size that the model was made for.
    ///   - use: how often a picture needs it.
    package func convolution(
        _ name: String, _ geometry: ConvolutionGeometry, hasBias: Bool = true,
        usualPixelCount: Int? = nil, use: ConvolutionUse = .everyStep
    ) throws -> any PackedConvolution {
        let request = WeightRequest.convolution(
            weight: path("\(name).weight"), bias: hasBias ? path("\(name).bias") : nil,
            geometry: geometry, usualPixelCount: usualPixelCount, use: use, allowsInt8: allowsInt8)
        if case .convolution(let layer) = answer(request) { return layer }
        return PlaceholderConvolution(geometry: geometry)
    }

    /// A norm: `name.weight` and `name.bias`, one value per channel.
    package func norm(_ name: String, channels: Int) throws -> ChannelParameters {
        let request = WeightRequest.norm(
            scale: path("\(name).weight"), shift: path("\(name).bias"), channels: channels)
        if case .norm(let parameters) = answer(request) { return parameters }
        let zeros = [Float](repeating: 0, count: channels)
        return try zeros.withUnsafeBufferPointer { try ChannelParameters(scale: $0, shift: $0) }
    }

    /// A table: `name.weight` `[rows, channels]`, left in the file.
    package func embedding(_ name: String, rows: Int, channels: Int) throws -> Embedding {
        let weight = path("\(name).weight")
        switch mode {
        case .checking(let inventory):
            inventory.expect(weight, [rows, channels])
            return Embedding(table: nil, rowCount: rows, channels: channels)
        case .handingOut(let packer, _):
            return Embedding(
                table: try packer.weights.source(weight), rowCount: rows, channels: channels)
        }
    }

    /// A part whose weights stay in the file: they are packed whenever it is asked for.
    ///
    /// - Parameter build: makes the part; it runs once to check, and again each time.
    package func deferred<Part: Sendable>(
        _ build: @escaping @Sendable (WeightLoader) throws -> Part
    ) throws -> DeferredPart<Part> {
        let (prefix, activationType) = (prefix, activationType)
        let own = WeightInventory()
        let placeholder = try build(
            WeightLoader(mode: .checking(own), prefix: prefix, activationType: activationType))
        switch mode {
        case .checking(let inventory):
            inventory.expect(own)
            return DeferredPart { _ in placeholder }
        case .handingOut(let packer, _):
            let requests = own.requests
            return DeferredPart { team in
                let queue = PackedWeightQueue(
                    requests: requests, answers: try packer.pack(requests, team: team))
                return try build(
                    WeightLoader(
                        mode: .handingOut(packer, queue), prefix: prefix,
                        activationType: activationType))
            }
        }
    }

    /// The packed weights; nothing while names are checked.
    private func answer(_ request: WeightRequest) -> PackedWeights? {
        switch mode {
        case .checking(let inventory):
            inventory.note(request)
            return nil
        case .handingOut(_, let queue):
            return queue.next(request)
        }
    }

    private func path(_ name: String) -> String { prefix + name }
}

/// A part of a network that is in memory only while somebody holds it.
package struct DeferredPart<Part: Sendable>: Sendable {
    private let build: @Sendable (ThreadTeam) throws -> Part

    fileprivate init(_ build: @escaping @Sendable (ThreadTeam) throws -> Part) {
        self.build = build
    }

    /// Reads, converts and packs its weights, with the same result every time.
    ///
    /// - Parameter team: the threads that do it.
    package func make(team: ThreadTeam) throws -> Part { try build(team) }
}

/// Stands for a product while names are checked; it never computes, but counts in a dry run.
private final class PlaceholderLinear: PackedLinear {
    let inputChannels: Int
    let outputChannels: Int

    init(inputChannels: Int, outputChannels: Int) {
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
    }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        precondition(lane.isMeasuring, "a layer without weights")
        lane.work.linearFLOPs += 2 * input.shape.rowCount * inputChannels * outputChannels
    }
}

/// Stands for a convolution while names are checked; it never computes, but counts in a dry run.
private final class PlaceholderConvolution: PackedConvolution {
    let geometry: ConvolutionGeometry

    init(geometry: ConvolutionGeometry) { self.geometry = geometry }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        precondition(lane.isMeasuring, "a layer without weights")
        lane.work.convolutionFLOPs += geometry.operationCount(output: output.shape)
    }
}
